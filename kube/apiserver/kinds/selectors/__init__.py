"""Label and field selectors: parsing with the server's error sentences, and matching."""

from kube.apiserver.kinds.selectors.fields import FieldSelector, parse_fields
from kube.apiserver.kinds.selectors.labels import LabelSelector, from_object, parse_labels

__all__ = ["FieldSelector", "LabelSelector", "from_object", "parse_fields", "parse_labels"]
