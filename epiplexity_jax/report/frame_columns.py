"""Columns of the data frames that results become."""

import pyarrow as pa

from epiplexity_jax.store.schema import RUNS, Column

_TEXT, _INT, _FLOAT = pa.string(), pa.int64(), pa.float64()
_TEXTS = pa.list_(_TEXT)


def _interval(name: str, unit: str, kind: pa.DataType = _FLOAT) -> tuple[Column, Column]:
    """Columns of the two ends of an interval."""
    of = f"end of the 95 % interval of {name}; null where it is open or not known"
    return (
        Column(f"{name}_interval_low", kind, unit, f"lower {of}", null=True),
        Column(f"{name}_interval_high", kind, unit, f"upper {of}", null=True),
    )


VERTICES = (
    Column("source", _TEXT, "", "name of the source"),
    Column("compute_flops", _FLOAT, "FLOPs", "T at which the model comes in"),
    Column("member", _TEXT, "", "name of the model"),
    Column("params", _INT, "parameters", "N of the model"),
    Column("train_tokens", _FLOAT, "tokens", "D of the model"),
    Column("epiplexity_bits", _FLOAT, "bits", "length of the model"),
    Column("entropy_bits", _FLOAT, "bits", "length of the data given the model"),
    Column("mdl_bits", _FLOAT, "bits", "their sum"),
)

_RECIPE = (
    Column("recipe_kind", _TEXT, "", "tuned or fixed", null=True),
    Column("recipe_learning_rate", _FLOAT, "", "base learning rate", null=True),
    Column("recipe_warmup_steps", _INT, "steps", "of linear warm-up", null=True),
    Column("recipe_batch_size", _INT, "sequences", "of a step", null=True),
    Column("recipe_ema_growth", _FLOAT, "", "window as a share of the steps", null=True),
    Column("recipe_max_kl", _FLOAT, "nats/token", "cap of a requential code", null=True),
    Column("recipe_tried", _INT, "", "number of recipes it was chosen from", null=True),
    Column("recipe_size", _TEXT, "", "size on which they were tried", null=True),
    Column("recipe_spent_flops", _FLOAT, "FLOPs", "that trying took", null=True),
)

RESULTS = (
    Column("source", _TEXT, "", "name of the source"),
    Column("compute_flops", _FLOAT, "FLOPs", "the budget T"),
    Column("epiplexity_bits", _FLOAT, "bits", "S_T, the model length"),
    *_interval("epiplexity_bits", "bits"),
    Column("entropy_bits", _FLOAT, "bits", "H_T, the data length"),
    *_interval("entropy_bits", "bits"),
    Column("entropy_bits_per_token", _FLOAT, "bits/token", "H_T per label token"),
    Column("entropy_bits_per_byte", _FLOAT, "bits/byte", "of original data", null=True),
    Column("mdl_bits", _FLOAT, "bits", "S_T + H_T"),
    *_interval("mdl_bits", "bits"),
    Column("saturation", _FLOAT, "", "d log S / d log T from T/2 to T", null=True),
    *_interval("saturation", ""),
    Column("certified_bits", _FLOAT, "bits", "certified model length", null=True),
    Column("certified_mdl_bits", _FLOAT, "bits", "with the data length", null=True),
    Column("status", _TEXT, "", "ok, untrained, below_resolution or negative"),
    Column("resolution_bits", _FLOAT, "bits", "S_T below it says nothing", null=True),
    Column("params", _INT, "parameters", "N of the model, 0 of the uniform code"),
    Column("train_tokens", _FLOAT, "tokens", "D of the model, 0 of the uniform code"),
    Column("switch_step", _INT, "steps", "from which averaged weights code", null=True),
    Column("test_tokens", _FLOAT, "tokens", "label tokens of the dataset"),
    Column("estimator", _TEXT, "", "how models are coded"),
    Column("variant", _TEXT, "", "of the estimator"),
    Column("floor", _TEXT, "", "loss that ends the area"),
    Column("procedure", _TEXT, "", "how the frontier is traced"),
    Column("member", _TEXT, "", "name of the model, or uniform"),
    Column("neighbours", _TEXTS, "", "points that were interpolated between"),
    Column("candidates", _INT, "", "points that were compared"),
    Column("selection_bits", _FLOAT, "bits", "log2 of candidates; in no length"),
    Column("interpolation_error_bits", _FLOAT, "bits", "of the model length"),
    Column("flags", _TEXTS, "", "edges of the sweep, see docs/frontier.md"),
    Column("warnings", _TEXTS, "", "sentences for a person"),
    *_RECIPE,
    Column("heldout_split", _TEXT, "", "windows, documents or a file", null=True),
    Column("heldout_verbatim_share", _FLOAT, "", "held-out data also in training", null=True),
    Column("flops_ratio", _FLOAT, "", "XLA's count of FLOPs over the declared one", null=True),
)

PLACES = (
    Column("observer", _TEXT, "", "family, and store where there are several"),
    Column("by", _TEXT, "", "value that orders the datasets"),
    Column("rank", _INT, "", "from 1, of the estimates"),
    *_interval("rank", "", _INT),
    Column("group", _TEXT, "", "letters; datasets that share one are not separated"),
    Column("value", _FLOAT, "", "in the unit of the column unit"),
    *_interval("value", ""),
    Column("unit", _TEXT, "", "of value"),
    *RESULTS,
)

RUN_ROWS = (
    *RUNS,
    Column("train_tokens", _INT, "tokens", "D, inputs and labels that were trained on"),
    Column("heldout_loss_nats", _FLOAT, "nats/token", "of the final model", null=True),
    Column("certified_bits", _FLOAT, "bits", "certified length of the final model", null=True),
    Column("model_bits", _FLOAT, "bits", "length of the final model", null=True),
    Column("data_bits", _FLOAT, "bits", "length of the data given it", null=True),
    Column("mdl_bits", _FLOAT, "bits", "their sum", null=True),
)
