"""Every kind of source, a file each; a new one is added here."""

from edge.agent.sources.kinds.camera import CameraSource
from edge.agent.sources.kinds.folder import FolderSource
from edge.agent.sources.kinds.push import PushSource
from edge.agent.sources.kinds.stdin import StdinSource
from edge.agent.sources.kinds.stream import StreamSource
from edge.agent.sources.kinds.video import VideoSource

AnySource = CameraSource | FolderSource | PushSource | StdinSource | StreamSource | VideoSource
