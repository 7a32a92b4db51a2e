"""Implicit ALS by Spark MLlib, for interactions or factors that one machine does not hold.

The objective is the one of models.als, with one difference: Spark weighs the regularisation of a row by the number n of
its positive entries (Zhou, Wilkinson, Schreiber, Pan: Large-scale parallel collaborative filtering for the Netflix
prize, AAIM 2008, ALS-WR),

    sum of c_ui (p_ui - x_u . y_i)^2 + rho (sum_u n_u |x_u|^2 + sum_i n_i |y_i|^2)

What is predicted does not change when y is multiplied by s and x divided by it, so only the product of the two sides'
regularisations counts. With a and b the mean n of users and items, rho = lambda / sqrt(a b) gives the same optimum
where all users have a entries and all items b, and lies near it otherwise. Factors come back with the s that makes
lambda right for folding in a user of a entries.

pyspark (and Java) is imported when it is used. Paths are Spark's: a folder, file:, hdfs: or s3:, the last of which
needs the package org.apache.hadoop:hadoop-aws among spark.jars.packages.
"""

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from aircue_cloud.recommender.engines.log_file import COLUMNS
from aircue_cloud.recommender.errors import DatasetError, RecommenderError
from aircue_cloud.recommender.interactions import DAY_S, Weighting
from aircue_cloud.recommender.models.factors import Factors

_BLOCK = 128  # rows that Spark multiplies at once
_DEEP = "-Xss16m"  # what an iteration of ALS remembers of those before it is read back by recursion
_HERE = {
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.ui.enabled": "false",
    "spark.driver.extraJavaOptions": _DEEP,
}


@dataclass(frozen=True, kw_only=True)
class Config:
    """As of models.als.Als; weighting: how events become r_ui; blocks: into how many users and items are shared out;
    None: as many as there are processors."""

    factors: int = 64
    l2: float = 10.0
    alpha: float = 1.0
    iterations: int = 15
    weighting: Weighting = field(default_factory=lambda: Weighting(half_life_d=30))
    seed: int = 7
    blocks: int | None = None


@dataclass(frozen=True, kw_only=True)
class Learnt:
    """x: shape (users, f); y: shape (items, f), float32; ids ascending, as in Interactions. events: how many were
    read."""

    users: tuple[str, ...]
    items: tuple[str, ...]
    x: Factors
    y: Factors
    events: int


@contextmanager
def session(master: str = "local[*]", **settings: str) -> Iterator[Any]:
    """A Spark session that ends with the block. master: as Spark names it; on this machine unless told otherwise.
    RecommenderError where pyspark is missing."""
    try:
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise RecommenderError("the engine spark needs pyspark and Java 17: pip install pyspark") from error
    if master.startswith("local"):
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")  # a machine may not know its own name
    builder = SparkSession.builder.appName("aircue-train").master(master)
    for name, value in {**(_HERE if master.startswith("local") else {}), **settings}.items():
        builder = builder.config(name, value)
    found = builder.getOrCreate()
    try:
        yield found
    finally:
        found.stop()


def learn(spark: Any, source: str, config: Config, now: float) -> Learnt:
    """From Parquet as log_file describes it. now: epoch seconds that an event's age counts from; DatasetError where an
    event lies after it, or there is none, or a number is not finite."""
    from pyspark.ml.feature import StringIndexer

    events = spark.read.parquet(source.replace("s3://", "s3a://", 1)).select(*COLUMNS)
    count = _checked(events, now, source)
    index = StringIndexer(
        inputCols=["user", "item"], outputCols=["u", "i"], stringOrderType="alphabetAsc", handleInvalid="error"
    ).fit(events)
    ratings = _weighed(index.transform(events), config.weighting, now).cache()
    users, items = (tuple(labels) for labels in index.labelsArray)
    x, y = _solved(ratings, config, (len(users), len(items)))
    return Learnt(users=users, items=items, x=x, y=y, events=count)


def _checked(events: Any, now: float, source: str) -> int:
    from pyspark.sql import functions as f

    last, count, bad = events.agg(
        f.max("at"), f.count("*"), f.sum(f.when(_finite("at") & _finite("weight"), 0).otherwise(1))
    ).first()
    if not count:
        raise DatasetError(f"{source}: no interactions")
    if bad:
        raise DatasetError(f"{source}: {bad} interactions hold a time or a weight that is NaN or infinite")
    if last > now:
        raise DatasetError(f"{source}: an interaction lies {last - now:.0f} s after the moment of training")
    return int(count)


def _finite(column: str) -> Any:
    from pyspark.sql import functions as f

    value = f.col(column)
    return value.isNotNull() & ~f.isnan(value) & (f.abs(value) < float("inf"))


def _weighed(events: Any, weighting: Weighting, now: float) -> Any:
    """(u, i, r) with r_ui as Interactions.matrix has it."""
    from pyspark.sql import functions as f

    weight = f.col("weight").cast("double")
    if weighting.half_life_d is not None:
        weight = weight * f.pow(f.lit(2.0), (f.col("at") - now) / (DAY_S * weighting.half_life_d))
    total, size = f.sum(weight), f.abs(f.sum(weight))
    shapes = {
        "binary": f.signum(total),
        "linear": total,
        "sqrt": f.signum(total) * f.sqrt(size),
        "log": f.signum(total) * f.log1p(size),
    }
    sums = events.groupBy(f.col("u").cast("int").alias("u"), f.col("i").cast("int").alias("i"))
    return sums.agg(shapes[weighting.shape].cast("float").alias("r")).where("r != 0")


def _solved(ratings: Any, config: Config, shape: tuple[int, int]) -> tuple[Factors, Factors]:
    from pyspark.ml.recommendation import ALS

    a, b = _means(ratings)
    rho = converted(config.l2, a, b)
    here = ratings.sparkSession.sparkContext.defaultParallelism
    blocks = here if config.blocks is None else config.blocks
    solver = ALS(
        rank=config.factors, maxIter=config.iterations, regParam=rho, implicitPrefs=True, alpha=config.alpha,
        userCol="u", itemCol="i", ratingCol="r", blockSize=_BLOCK, seed=config.seed,
        numUserBlocks=blocks, numItemBlocks=blocks,
    )  # fmt: skip
    model = solver.fit(ratings)
    x, y = _rows(model.userFactors, shape[0], config.factors), _rows(model.itemFactors, shape[1], config.factors)
    return rescaled(x, y, config.l2, rho, a)


def converted(l2: float, a: float, b: float) -> float:
    """rho of lambda. a, b: positive entries of the mean user and of the mean item."""
    return l2 / math.sqrt(a * b)


def rescaled(x: Factors, y: Factors, l2: float, rho: float, a: float) -> tuple[Factors, Factors]:
    """With the s at which a user of a entries has the x that folding in by lambda gives."""
    s = np.float32(math.sqrt(l2 / (a * rho)))
    return x / s, y * s


def _means(ratings: Any) -> tuple[float, float]:
    """Positive entries of the mean user and of the mean item."""
    from pyspark.sql import functions as f

    liked, users, items = ratings.where("r > 0").agg(f.count("*"), f.count_distinct("u"), f.count_distinct("i")).first()
    if not liked:
        raise DatasetError("nobody liked anything: no interaction has a weight over 0")
    return liked / users, liked / items


def _rows(frame: Any, count: int, factors: int) -> npt.NDArray[np.float32]:
    """Zeros where Spark has none: of whoever weighs nothing."""
    found = np.zeros((count, factors), dtype=np.float32)
    for row in frame.toLocalIterator():
        found[row["id"]] = row["features"]
    return found
