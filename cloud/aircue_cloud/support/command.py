"""`aircue-cloud support ...`."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from aircue_cloud import db, texts
from aircue_cloud.commands.terminal import changing, command_line, database, now, say, with_config
from aircue_cloud.errors import CommandError
from aircue_cloud.needs import toml
from aircue_cloud.settings import load_toml
from aircue_cloud.support import articles

_LANGUAGE = click.option("--language", type=click.Choice(list(texts.LANGUAGES)), default=texts.ENGLISH)


@click.group()
def support() -> None:
    """The shop's support: what the bot answers from, and how well it tells questions apart."""


@support.group("articles")
def group() -> None:
    """The articles of the knowledge base."""


@group.command("list")
@with_config
def listed(config_path: Path | None) -> None:
    """Every article that holds, a line each."""
    with database(config_path) as engine, db.reading(engine) as connection:
        for one in articles.current(connection).values():
            origin = f"version {one.version}" if one.version else "as shipped"
            click.echo(f"{one.language} {one.name}: {one.title}; {len(one.questions)} questions; {origin}")


@group.command("show")
@click.argument("name")
@_LANGUAGE
@with_config
def show(name: str, language: str, config_path: Path | None) -> None:
    """An article as TOML, to edit and save."""
    with database(config_path) as engine, db.reading(engine) as connection:
        found = articles.current(connection).get((language, name))
    if found is None:
        raise CommandError(f"article {name} in {language}: there is none; see aircue-cloud support articles list")
    click.echo(toml.written(articles.document(found)), nl=False)


@group.command("save")
@click.argument("file", type=click.Path(path_type=Path))
@_LANGUAGE
@click.option("--note", default="", help="Why, for those who read the history.")
@with_config
def save(file: Path, language: str, note: str, config_path: Path | None) -> None:
    """Save a file as an article, under the file's name; the bot answers from it at once."""
    document = load_toml(file)
    with changing(config_path, "support articles save", f"{language}/{file.stem}") as connection:
        saved = articles.save(connection, (language, file.stem), document, command_line(), note, now())
    click.echo(f"article {saved.name} in {language}: version {saved.version} holds")


@support.command("evaluate")
@click.option("--in", "file", type=click.Path(path_type=Path), required=True, help="CSV: utterance,intent.")
def evaluate(file: Path) -> None:
    """How well intents are told apart, in five folds; thresholds come of training folds. The last line is JSON."""
    from aircue_cloud.support import evaluating

    asked, intents = evaluating.read(file)
    say(f"{len(asked)} questions of {len(set(intents))} intents; this fits some forty models")
    figures = evaluating.evaluate(asked, intents)
    for line in _told(asdict(figures)):
        click.echo(line)
    click.echo(json.dumps({key: _rounded(value) for key, value in asdict(figures).items()}))


def _told(found: dict[str, Any]) -> list[str]:
    right, kept = found["precision_there"], found["precision_kept"]
    said = [
        _line("intent accuracy", found["accuracy"], "every question answered"),
        _line("coverage at 95 % precision", found["coverage_at_p95"], f"of these right: {right:.2%}"),
    ]
    if found["abstention_recall"] is None:
        return [*said, "abstention on held-back intents: not measured, it takes five intents or more"]
    note = f"while {found['kept']:.2%} of the others are answered, {kept:.2%} of these right"
    return [*said, _line("abstention on held-back intents", found["abstention_recall"], note)]


def _line(name: str, share: float, note: str) -> str:
    return f"{name:36} {share:8.2%}   {note}"


def _rounded(value: Any) -> Any:
    return round(value, 4) if isinstance(value, float) else value
