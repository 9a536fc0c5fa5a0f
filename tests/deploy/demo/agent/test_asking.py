import json
import shlex
from pathlib import Path

from deploy.demo.agent.asking import curl_line


def test_a_shell_reads_the_line_as_it_is_meant(tmp_path: Path) -> None:
    picture, question = tmp_path / "it's a scene.png", 'is it "red"? $HOME `id`'
    words = shlex.split(curl_line("http://127.0.0.1:1", picture, question))
    assert words[:3] == ["curl", "-s", "http://127.0.0.1:1/v1/chat/completions"]
    text, image = json.loads(words[-1])["messages"][0]["content"]
    assert text["text"] == question
    assert image["image_url"]["url"] == picture.as_uri()
