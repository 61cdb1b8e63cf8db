"""`epiplexity-jax scaling-law`: S_T and H_T by a law that is published, given or fitted."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any

import typer

from epiplexity_jax._version import __version__
from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.cli.options import (
    Figure,
    Json,
    check_figure,
    check_positive,
    echo_json,
    echo_table,
    takes,
)

Laws = Annotated[
    list[str] | None,
    typer.Argument(metavar="[LAW]...", help="Names of published laws; none lists all of them."),
]
Number = float | None


@dataclass(frozen=True)
class Given:
    """The parameters of a law, L = E + (N0/N)^alpha + (D0/D)^beta, or of one over compute.

    Raises:
        ConfigError: when made from parameters that are no law.
    """

    alpha: Annotated[Number, typer.Option(help="Exponent of the parameters.")] = None
    beta: Annotated[Number, typer.Option(help="Exponent of the tokens, below 1.")] = None
    n0: Annotated[Number, typer.Option("--n0", help="N0, parameters.")] = None
    d0: Annotated[Number, typer.Option("--d0", help="D0, tokens.")] = None
    a: Annotated[Number, typer.Option("--a", help="A = N0^alpha, instead of --n0.")] = None
    b: Annotated[Number, typer.Option("--b", help="B = D0^beta, instead of --d0.")] = None
    irreducible: Annotated[Number, typer.Option(help="E, nats per token.")] = None
    gamma: Annotated[Number, typer.Option(help="Of a law over compute, L = E + (C/C0)^-gamma.")] = (
        None
    )
    delta: Annotated[Number, typer.Option(help="Of its best size, N = (C/C*)^delta.")] = None
    c0: Annotated[Number, typer.Option("--c0", help="C0, PF-days.")] = None
    c_star: Annotated[Number, typer.Option("--c-star", help="C*, PF-days.")] = None
    context: Annotated[
        int | None,
        typer.Option(
            help="Positions of the models of a law over compute that leaves embeddings out; with "
            "--vocab-size they are added."
        ),
    ] = None

    def law(self, vocab_size: int | None) -> Any:
        """The law; None where no parameter is given.

        Raises:
            ConfigError: when some are missing or do not go together.
        """
        from epiplexity_jax.analysis.laws.embeddings import PF_DAY, ComputeLaw
        from epiplexity_jax.analysis.scaling_law import ScalingLaw

        given = {one.name for one in fields(self) if getattr(self, one.name) is not None}
        over_compute = bool(given & {"gamma", "delta", "c0", "c_star", "context"})
        if over_compute:
            forms = [{"gamma", "delta", "c0", "c_star", "n0", "irreducible"}]
        else:
            ends = [(n, d) for n in ("n0", "a") for d in ("d0", "b")]
            forms = [{"alpha", "beta", "irreducible", *pair} for pair in ends]
        if not given:
            return None
        form = max(forms, key=lambda form: len(form & given))
        for name in sorted(form - given):
            others = ", ".join(f"--{_option(other)}" for other in sorted(given & form))
            raise ConfigError(f"--{_option(name)}: is needed with {others}")
        for name in sorted(given - form - {"context"}):
            raise ConfigError(f"--{_option(name)}: does not go with --{_option(min(form & given))}")
        if not over_compute:
            check_positive("--alpha", self.alpha)
            check_positive("--beta", self.beta)
            check_positive("--n0", self.n0)
            check_positive("--d0", self.d0)
            n0 = self.n0 if self.a is None else _root("--a", self.a, self.alpha)
            d0 = self.d0 if self.b is None else _root("--b", self.b, self.beta)
            return ScalingLaw(self.alpha, self.beta, n0, d0, self.irreducible)  # type: ignore
        for name in sorted(form - {"irreducible"}):
            check_positive(f"--{_option(name)}", getattr(self, name))
        scales = [PF_DAY * value for value in (self.c0, self.c_star)]  # type: ignore
        law = ComputeLaw(self.gamma, self.delta, *scales, self.irreducible, self.n0)  # type: ignore
        if self.context is None:
            return law
        if vocab_size is None or self.context < 1:
            raise ConfigError("--context: must be at least 1, and needs --vocab-size")
        return law.with_embeddings(vocab_size, self.context)


@dataclass(frozen=True)
class FitOptions:
    """The losses that a law is fitted to, and the way of fitting."""

    fit: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE|STORE",
            help="Fit a law to a table of losses (params, train_tokens, loss) or to a store.",
        ),
    ] = None
    source: Annotated[str | None, typer.Option(help="The source of a store of several.")] = None
    params_column: Annotated[
        str | None, typer.Option(metavar="NAME", help="Column of parameters.")
    ] = None
    tokens_column: Annotated[
        str | None, typer.Option(metavar="NAME", help="Column of train tokens.")
    ] = None
    compute_column: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Column of 6 N D, for the one of both that is missing."),
    ] = None
    loss_column: Annotated[str | None, typer.Option(metavar="NAME", help="Column of losses.")] = (
        None
    )
    run_column: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Column of runs: points that are drawn together."),
    ] = None
    unit: Annotated[str, typer.Option(help="nats or bits, of the losses.")] = "nats"
    where: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN=VALUE", help="Rows to read; may be given several times."),
    ] = None
    drop_highest: Annotated[
        int, typer.Option(metavar="K", help="Leave out the K highest losses.")
    ] = 0
    draws: Annotated[int, typer.Option(help="Bootstrap draws over runs; 0 for no intervals.")] = 200

    def arguments(self) -> dict[str, Any]:
        """The arguments of `scaling_law` that say what to fit.

        Raises:
            ConfigError: when an option is given without --fit.
        """
        from epiplexity_jax.analysis.laws.files import PointColumns

        if self.fit is None:
            for one in fields(self):
                if getattr(self, one.name) != one.default:
                    raise ConfigError(f"--{_option(one.name)}: goes with --fit only")
            return {}
        if self.draws < 0:
            raise ConfigError(f"--draws: must be at least 0, got {self.draws}")
        names: dict[str, Any] = {
            f.name: getattr(self, f"{f.name}_column", None) for f in fields(PointColumns)
        }
        names |= {"unit": self.unit, "where": tuple(self.where or ())}
        return {
            "fit": self.fit,
            "columns": PointColumns(**names),
            "drop_highest": self.drop_highest,
            "draws": self.draws,
            "source": self.source,
        }


@takes(given=Given, fitting=FitOptions)
def scaling_law(
    laws: Laws = None,
    *,
    given: Given,
    fitting: FitOptions,
    test_tokens: Annotated[
        float | None,
        typer.Option(
            help="Label tokens of the dataset that is measured; default: 1e12 of a published law, "
            "the config's of a store."
        ),
    ] = None,
    compute: Annotated[
        list[float] | None,
        typer.Option(help="A budget in FLOPs; may be given several times."),
    ] = None,
    vocab_size: Annotated[
        int | None,
        typer.Option(help="V: the uniform code competes; default: the published law's."),
    ] = None,
    figure: Figure = None,
    as_json: Json = False,
) -> None:
    """Compute S_T and H_T by a scaling law: published, given by its parameters, or fitted."""
    check_figure(figure)
    check_positive("--test-tokens", test_tokens)
    check_positive("--compute", compute)

    from epiplexity_jax.laws import plot_laws, presets, scaling_law
    from epiplexity_jax.report import law_tables

    own, fit = given.law(vocab_size), fitting.arguments()
    ways = {"LAW": bool(laws), "the parameters of a law": own is not None, "--fit": bool(fit)}
    chosen = [way for way, is_taken in ways.items() if is_taken]
    if len(chosen) > 1:
        raise ConfigError(f"{chosen[1]}: cannot be given together with {chosen[0]}")
    asked: dict[str, Any] = {"test_tokens": test_tokens, "compute": compute}
    asked["vocab_size"] = vocab_size
    if not chosen:
        for option, value in (("--compute", compute), ("--vocab-size", vocab_size)):
            if value is not None:
                raise ConfigError(f"{option}: needs a law, its parameters or --fit")
        found = presets() if test_tokens is None else presets(test_tokens)
    elif own is not None:
        found = [scaling_law(own, **asked)]
    else:
        names = [{"law": name} for name in dict.fromkeys(laws or ())]
        found = [scaling_law(**one, **asked) for one in ([fit] if fit else names)]
    if figure is not None:
        plot_laws(found, figure)
        typer.echo(f"figure: {figure}", err=True)
    if as_json:
        echo_json({"scaling_laws": [one.to_json() for one in found], "version": __version__})
    elif not chosen:
        echo_table(law_tables.presets_table(found))
    else:
        for i, one in enumerate(found):
            if i:
                typer.echo()
            _echo(one, law_tables)


def _echo(report: Any, tables: Any) -> None:
    """Print a law: the fit, the answers, what is to be said."""
    if report.examined is not None:
        echo_table(tables.fit_table(report.examined))
        typer.echo()
    if report.answers:
        echo_table(tables.answers_table(report))
    else:
        typer.echo("note: without --test-tokens there is no S_T and H_T", err=True)
    said = [*report.notes, *(report.examined.notes if report.examined else ())]
    if report.answers and report.vocab_size is None:
        said.append(
            "without --vocab-size no uniform code bounds the losses of small models, so answers at "
            "small budgets may be longer than it"
        )
    for note in said:
        typer.echo(f"note ({report.name}): {note}", err=True)


def _root(option: str, coefficient: float, exponent: float | None) -> float:
    """N0 or D0 of a coefficient A or B.

    Raises:
        ConfigError: when it is beyond all numbers.
    """
    check_positive(option, coefficient)
    try:
        return coefficient ** (1.0 / (exponent or 1.0))
    except OverflowError:
        raise ConfigError(
            f"{option}: {coefficient:g} with the exponent {exponent:g} is beyond all numbers"
        ) from None


def _option(name: str) -> str:
    return name.replace("_", "-")
