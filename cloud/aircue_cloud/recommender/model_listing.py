"""The stored models, for a terminal."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from aircue_cloud.recommender import store
from aircue_cloud.recommender.artefact import HEADS, ModelInfo
from aircue_cloud.recommender.errors import ModelCorrupt, ModelMissing


def lines(model_dir: Path) -> Iterator[str]:
    """A line a model. One that cannot be read is named with the reason."""
    active = _active(model_dir)
    found = store.versions(model_dir)
    if not found:
        yield f"no model in {model_dir}: train one with aircue-cloud train"
    for version in found:
        yield f"{'*' if version == active else ' '} {version}  {_said(model_dir, version)}"


def _active(model_dir: Path) -> str | None:
    try:
        return store.active_version(model_dir)
    except (ModelMissing, ModelCorrupt):
        return None


def _said(model_dir: Path, version: str) -> str:
    try:
        return _line(store.info(model_dir, version))
    except (ModelMissing, ModelCorrupt) as error:
        return f"cannot be used: {error}"


def _line(info: ModelInfo) -> str:
    until = datetime.fromtimestamp(info.trained_at, UTC).isoformat(" ", "minutes").removesuffix("+00:00")
    size = f"until {until}, {info.users} people, {info.items} products, {info.interactions} interactions"
    ranked = (f"{head} {_figure(info, head)}" for head in HEADS)
    return f"{size}, ndcg@10 (recent popularity): {', '.join(ranked)}, by {info.engine}"


def _figure(info: ModelInfo, head: str) -> str:
    chosen, popular = (info.metrics.get(f"{head}_{name}_ndcg@10") for name in ("chosen", "recent-popularity"))
    return "not measured" if chosen is None or popular is None else f"{chosen:.4f} ({popular:.4f})"


def document(model_dir: Path, version: str) -> str:
    """All that is known of a model, as JSON."""
    return json.dumps(asdict(store.info(model_dir, version)), indent=1)
