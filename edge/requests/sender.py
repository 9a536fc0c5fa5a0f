"""What an arm asks of the device while it builds a request, and what was made for it."""

from edge.requests.device import Device, Payload
from edge.requests.view import View
from protos import inference_pb2 as pb
from protos.pictures.upload_formats import Coding


class DeviceSender:
    """The `Sender` of protos/arms for one picture. `payload` is what was made for the request."""

    def __init__(
        self, device: Device, view: View, frame: str, *, key_frame: bool, cloud_name: str = ""
    ) -> None:
        """`cloud_name`: of the one among several that it is sent to, which knows its own frames only."""
        self.frame = frame
        self._stream = f"{cloud_name}/{view.source}" if cloud_name else view.source
        self._device, self._view, self._key_frame = device, view, key_frame
        self.payload = Payload()

    def features(self, cut: str, codec: str) -> pb.Features:
        """The picture's features at a cut, encoded."""
        view = self._view
        self.payload = self._device.encode_features(
            view.prepared, cut, codec, view.reached(cut), source=self._stream, key_frame=self._key_frame
        )
        assert self.payload.frame
        return self.payload.frame.message()

    def picture(self, coding: Coding) -> bytes:
        """The picture as a file."""
        data, self.payload = self._device.encode_picture(self._view.prepared, coding)
        return data
