"""A bundle's prompt written out, the same on the device, in the cloud and in the splitter."""

from protos import bundle_pb2 as pb
from protos.pictures.tiles import Grid

PICTURE, QUESTION = "{picture}", "{question}"


def write_prompt(template: str, picture: pb.PictureText, question: str, grid: Grid) -> str:
    """The prompt of a question about a picture of this grid."""
    # The question last, so that what a user writes in braces stays as it is.
    return template.replace(PICTURE, write_picture(picture, grid)).replace(QUESTION, question)


def write_picture(text: pb.PictureText, grid: Grid) -> str:
    """What stands for a picture, its tiles row by row and then the whole of it."""
    if grid.tiles == 1:
        return text.alone
    rows = (
        "".join(_tile(text, row, column) for column in range(1, grid.columns + 1))
        for row in range(1, grid.rows + 1)
    )
    return "".join(row + text.row_end for row in rows) + text.whole


def _tile(text: pb.PictureText, row: int, column: int) -> str:
    return text.tile.replace("{row}", str(row)).replace("{column}", str(column))
