"""Type checking of request bodies by the schema, and their reading as Go's decoder reads them."""

from kube.apiserver.kinds.schema.check import SchemaReport, check, read
from kube.apiserver.kinds.schema.duplicates import duplicate_fields

__all__ = ["SchemaReport", "check", "duplicate_fields", "read"]
