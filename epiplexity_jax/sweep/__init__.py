"""A sweep, from its config to committed runs: plan, waves, trainers, executor protocol."""
