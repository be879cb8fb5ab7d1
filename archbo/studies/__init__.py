"""Studies: searches that are kept in a database, and archbo as a sampler of Optuna's."""

from archbo.studies.calling import calling, request_of
from archbo.studies.executors import BrokenExecutorError, SubmititExecutor
from archbo.studies.sampler import ArchSampler, arch_of
from archbo.studies.study import NAME, Header, Study, read_header, study_names
from archbo.studies.worker import work

__all__ = [
    "NAME",
    "ArchSampler",
    "BrokenExecutorError",
    "Header",
    "Study",
    "SubmititExecutor",
    "arch_of",
    "calling",
    "read_header",
    "request_of",
    "study_names",
    "work",
]
