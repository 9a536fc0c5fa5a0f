"""What can go wrong, and what to do about it.

    IsthmusError                     exit  gRPC status
    ├── BundleError                   4    FAILED_PRECONDITION   the files that a split made
    │   ├── BundleMissing                                        no bundle at that path
    │   ├── BundleDamaged                                        a file is not what the manifest says
    │   ├── BundleTooNew                                         made by a later version
    │   ├── BundleTooOld                                         made by an earlier one, a form read no more
    │   └── DiskFull                                             no room where it is to be written
    ├── RequestError                  3    INVALID_ARGUMENT      what was asked for cannot be done
    │   ├── PictureError                                         not a picture, or too large a one
    │   ├── PromptError                                          a question that does not fit the model
    │   ├── UnknownName                                          no such cut, codec, route or format
    │   ├── PayloadError                                         bytes that are not what the codec makes
    │   ├── TooLarge                       RESOURCE_EXHAUSTED    more bytes than are accepted
    │   ├── ContentRefused                                       the cloud's content filter lets it not pass
    │   ├── Unauthenticated                UNAUTHENTICATED       nobody knows who asks
    │   ├── NotPermitted                   PERMISSION_DENIED     it is known, and the role is too low
    │   └── Conflict                       ABORTED               somebody else changed it meanwhile
    ├── WrongBundle                   4    FAILED_PRECONDITION   the cloud serves another digest
    ├── UnknownFrame                  5    NOT_FOUND             features sent before are no longer kept
    ├── CloudError                    5    UNAVAILABLE           the cloud did not answer
    │   ├── UnusableCloud                                        what answers is no cloud, or not for us
    │   ├── DeadlineError                  DEADLINE_EXCEEDED     it did not answer in time
    │   └── CloudBusy                      RESOURCE_EXHAUSTED    too many requests wait there
    ├── NoRoute                       6    FAILED_PRECONDITION   the rules leave no way to answer
    ├── Cancelled                     8    CANCELLED             who asked does not want the answer any more
    ├── OutboxError                   6    RESOURCE_EXHAUSTED   the device keeps nothing more for later
    └── CheckpointError               7    INVALID_ARGUMENT      a model that cannot be split

Every message names the object, why it does not work, and what to do instead. None of these is a bug; anything
else that is raised is one. The status is a name of grpc.StatusCode, kept as text because this package does
not import grpc.
"""

import difflib

_MAX_NEAR = 3
# characters: what a stranger asks for may be megabytes, and looking for the nearest takes many times as much
_MAX_NAMED = 64


def did_you_mean(name: str, known: list[str]) -> str:
    """A question with the nearest of the known names; empty where none is near."""
    bare = {one.lstrip("-"): one for one in known}  # that options begin alike is no likeness
    found = difflib.get_close_matches(name[:_MAX_NAMED].lstrip("-"), list(bare), _MAX_NEAR)
    near = [bare[one] for one in found]
    return f" (did you mean {' or '.join(near)}?)" if near else ""


class IsthmusError(Exception):
    """Something expected went wrong; the message says what to do. `facts` holds what it speaks of, by
    name.
    """

    exit_code = 1
    status = "UNKNOWN"
    reason = ""  # of an error that has the status of others, and that a device tells from them

    def __init__(self, message: str, **facts: object) -> None:
        super().__init__(message)
        self.facts = facts


class BundleError(IsthmusError):
    exit_code = 4
    status = "FAILED_PRECONDITION"


class BundleMissing(BundleError):
    pass


class BundleDamaged(BundleError):
    pass


class BundleTooNew(BundleError):
    pass


class BundleTooOld(BundleError):
    pass


class DiskFull(BundleError):
    pass


class RequestError(IsthmusError):
    exit_code = 3
    status = "INVALID_ARGUMENT"


class PictureError(RequestError):
    pass


class PromptError(RequestError):
    pass


class UnknownName(RequestError):
    """A name that is not among those that exist; the message gives the nearest of them first, then all."""

    def __init__(self, what: str, name: str, known: list[str]) -> None:
        name, listed = name[:_MAX_NAMED], ", ".join(known) or "none"
        super().__init__(
            f"there is no {what} {name!r}{did_you_mean(name, known)}; choose one of: {listed}",
            name=name,
            known=known,
        )


class PayloadError(RequestError):
    pass


class TooLarge(RequestError):
    status = "RESOURCE_EXHAUSTED"


class ContentRefused(RequestError):
    """What the cloud's content filter refuses: no failure, so nothing else answers instead."""

    reason = "CONTENT_FILTER"  # on the wire


class Unauthenticated(RequestError):
    status = "UNAUTHENTICATED"


class NotPermitted(RequestError):
    status = "PERMISSION_DENIED"


class Conflict(RequestError):
    status = "ABORTED"


class WrongBundle(IsthmusError):
    exit_code = 4
    status = "FAILED_PRECONDITION"


class UnknownFrame(IsthmusError):
    exit_code = 5
    status = "NOT_FOUND"


class CloudError(IsthmusError):
    exit_code = 5
    status = "UNAVAILABLE"


class UnusableCloud(CloudError):
    """Asking again does not help before somebody changes something. `facts["reason"]` says what is wrong."""


class DeadlineError(CloudError):
    status = "DEADLINE_EXCEEDED"


class CloudBusy(CloudError):
    status = "RESOURCE_EXHAUSTED"


class NoRoute(IsthmusError):
    exit_code = 6
    status = "FAILED_PRECONDITION"


class Cancelled(IsthmusError):
    exit_code = 8
    status = "CANCELLED"


class OutboxError(IsthmusError):
    exit_code = 6
    status = "RESOURCE_EXHAUSTED"


class CheckpointError(IsthmusError):
    exit_code = 7
    status = "INVALID_ARGUMENT"
