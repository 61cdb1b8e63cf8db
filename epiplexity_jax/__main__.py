"""`python -m epiplexity_jax` is the command `epiplexity-jax`."""

from epiplexity_jax.cli.app import main

if __name__ == "__main__":
    main()
