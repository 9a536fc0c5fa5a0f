"""What an arm asks of the device while it builds a request, and what was made for it."""

from edge.models.head import HeadOutput
from edge.requests.device import Device, Payload
from edge.requests.question import Prepared
from protos import inference_pb2 as pb
from protos.pictures.upload_formats import Coding


class DeviceSender:
    """The `Sender` of protos/arms for one picture. `payload` is what was made for the request."""

    def __init__(
        self, device: Device, prepared: Prepared, frame: str, after: HeadOutput | None, *, key_frame: bool
    ) -> None:
        self.frame = frame
        self._device, self._prepared = device, prepared
        self._after, self._key_frame = after, key_frame
        self.payload = Payload(head=after)

    def features(self, cut: str, codec: str) -> pb.Features:
        """The picture's features at a cut, encoded."""
        self.payload = self._device.encode_features(
            self._prepared, cut, codec, self._after, key_frame=self._key_frame
        )
        assert self.payload.frame
        return self.payload.frame.message()

    def picture(self, coding: Coding) -> bytes:
        """The picture as a file."""
        data, self.payload = self._device.encode_picture(self._prepared, coding)
        return data
