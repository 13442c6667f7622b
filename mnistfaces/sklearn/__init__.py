"""The engine as scikit-learn estimators: `pip install "mnistfaces[sklearn]"`."""

try:
    import sklearn  # noqa: F401  asked for here, so that its absence is told in one line
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        'mnistfaces.sklearn needs scikit-learn: pip install "mnistfaces[sklearn]"', name="sklearn"
    ) from error

from mnistfaces.sklearn.classifier import Classifier
from mnistfaces.sklearn.search import StackedSearchCV

__all__ = ["Classifier", "StackedSearchCV"]
