import pytest

from epiplexity_jax.analysis.logs.names import (
    HELDOUT,
    LOSSES,
    STEPS,
    TOKENS,
    candidates,
)


@pytest.mark.parametrize(
    ("role", "names"),
    [
        (
            LOSSES,
            "loss Train_Loss train/lm_loss train/CrossEntropyLoss learning/loss reduced_train_loss "
            "trainLoss train/ce_loss metrics/loss train_loss_epoch train/loss_avg online_loss_bits "
            "Training.Loss lm-loss train_cross_entropy train/bpb language_modeling_loss",
        ),
        (
            HELDOUT,
            "val_loss eval/loss validation/CrossEntropyLoss dev_loss valLoss test/lm_loss "
            "eval/avg_loss heldout_loss_bits val/loss_epoch loss_val held_out_loss",
        ),
        (
            TOKENS,
            "tokens throughput/total_tokens train/tokens_seen Tokens num_tokens consumed_tokens "
            "total_training_tokens optim/total_tokens cumulative_tokens trainable_tokens",
        ),
        (STEPS, "step _step current_steps trainer/global_step iteration Iter train/iter updates"),
    ],
)
def test_names_that_are_known(role, names):
    for name in names.split():
        assert candidates([name], role) == [name], name
        others = [other for other in (LOSSES, HELDOUT, TOKENS, STEPS) if other is not role]
        assert not any(candidates([name], other) for other in others), name


@pytest.mark.parametrize(
    "name",
    [
        *("loss_scale", "aux_loss", "load_balancing_loss", "z_loss", "tokens_per_second", "lr"),
        *("total_steps", "max_steps", "batch_size", "tokens_per_step", "lm loss vs tokens"),
        *("perplexity", "train/accuracy", "grad_norm", "reward_loss", "loss_std"),
    ],
)
def test_names_of_something_else(name):
    assert not any(candidates([name], role) for role in (LOSSES, HELDOUT, TOKENS, STEPS))


def test_a_name_in_full_goes_before_one_by_its_words():
    assert candidates(["loss", "train/ce_loss_raw"], LOSSES) == ["loss"]
