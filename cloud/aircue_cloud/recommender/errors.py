"""What can be wrong with a recommender.

CloudError
└── RecommenderError
    ├── DatasetError   interactions that cannot be used, or none that may be
    ├── ModelMissing   no model has been trained or activated yet
    └── ModelCorrupt   an artefact is there but cannot be trusted
"""

from aircue_cloud.errors import CloudError


class RecommenderError(CloudError):
    """The text says what was wrong, where, and what to do."""


class DatasetError(RecommenderError, ValueError):
    """Interactions that cannot be used, or none that may be."""


class ModelMissing(RecommenderError, LookupError):
    """No model has been trained or activated yet."""


class ModelCorrupt(RecommenderError, ValueError):
    """An artefact is there but cannot be trusted."""
