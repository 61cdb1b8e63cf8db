"""`python -m epiplexity_jax` is the command `epiplexity-jax`."""

from epiplexity_jax.cli.start import main

if __name__ == "__main__":
    main()
