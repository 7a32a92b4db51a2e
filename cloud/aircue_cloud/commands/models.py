"""aircue-cloud models: which models there are, and which one serves."""

from pathlib import Path

import click

from aircue_cloud.commands.terminal import place, say, with_config


@click.group()
def models() -> None:
    """Trained models: which there are, which one serves."""


@models.command("list")
@with_config
def models_list(config_path: Path | None) -> None:
    """List all stored models, oldest first; * marks the active one."""
    from aircue_cloud.recommender import model_listing

    click.echo("\n".join(model_listing.lines(place(config_path).model_dir)))


@models.command("show")
@click.argument("version")
@with_config
def models_show(version: str, config_path: Path | None) -> None:
    """Show what a model is, how it ranks and everything that was tried, as JSON."""
    from aircue_cloud.recommender import model_listing

    click.echo(model_listing.document(place(config_path).model_dir, version))


@models.command("activate")
@click.argument("version")
@with_config
def models_activate(version: str, config_path: Path | None) -> None:
    """Let a stored model serve."""
    from aircue_cloud.recommender import store

    store.activate(place(config_path).model_dir, version)
    say(f"model {version} is active")


@models.command("rollback")
@with_config
def models_rollback(config_path: Path | None) -> None:
    """Go back to the model that was active before."""
    from aircue_cloud.recommender import store

    say(f"model {store.rollback(place(config_path).model_dir)} is active")


@models.command("prune")
@click.option("--keep", type=click.IntRange(min=1), default=5, show_default=True, help="Newest versions that stay.")
@with_config
def models_prune(keep: int, config_path: Path | None) -> None:
    """Remove old models; the active one and the one that rollback goes to stay as well."""
    from aircue_cloud.recommender import pruning

    removed = pruning.prune(place(config_path).model_dir, keep)
    say(f"removed {', '.join(removed)}" if removed else "nothing to remove")
