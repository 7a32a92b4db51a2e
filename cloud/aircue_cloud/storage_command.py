"""aircue-cloud storage ...: the bucket, and what a gateway may do in it."""

import json
from pathlib import Path

import click

from aircue_cloud import s3
from aircue_cloud.config import Config
from aircue_cloud.config import load as load_config
from aircue_cloud.errors import CommandError
from aircue_cloud.s3 import S3Store

_CONFIG = click.option("--config", "config_path", type=click.Path(path_type=Path), help="TOML file with s3_bucket.")


def _config(path: Path | None) -> Config:
    config = Config() if path is None else load_config(path)
    if not config.s3_bucket:
        raise CommandError("s3_bucket is not set: objects are kept in a folder, which needs no bucket")
    return config


@click.group()
def storage() -> None:
    """The object store, where that is S3 or speaks it."""


@storage.command()
@_CONFIG
def create(config_path: Path | None) -> None:
    """Make the bucket: no public access, encrypted, and what was left on its way ends after a week."""
    config = _config(config_path)
    S3Store.open(config.s3_bucket, config.s3_endpoint_url, config.s3_region).make_bucket(config.s3_region)
    click.echo(f"bucket {config.s3_bucket} is ready", err=True)


@storage.command()
@click.argument("gateway")
@_CONFIG
def policy(gateway: str, config_path: Path | None) -> None:
    """Print the policy of a GATEWAY with credentials of its own: it may put below its own name, and nothing else."""
    click.echo(json.dumps(s3.policy(_config(config_path).s3_bucket, gateway), indent=2))
