"""Studies: searches that are kept in a database, and archbo as a sampler of Optuna's."""

from archbo.studies.calling import calling, request_of
from archbo.studies.sampler import ArchSampler, arch_of
from archbo.studies.study import Header, Study, read_header
from archbo.studies.worker import work

__all__ = [
    "ArchSampler",
    "Header",
    "Study",
    "arch_of",
    "calling",
    "read_header",
    "request_of",
    "work",
]
