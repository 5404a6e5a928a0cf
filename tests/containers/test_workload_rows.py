"""A workload's row as HTML."""

from dataclasses import replace

from containers.engine.base import Port
from containers.workload_rows import port_text, row_html, short_image, state_of
from containers.workloads import Workload

ROW = Workload(1, "container", "", "web", "podman", "0" * 64, "running", image="docker.io/library/nginx:1")


def test_figures_are_filled_in_where_they_are_known():
    assert '<td class="num" data-label="CPU" data-field="cpu" data-value="">\u2013</td>' in row_html("h", ROW)
    html = row_html("h", replace(ROW, cpu_percent=12.345, memory=2048))
    assert 'data-field="cpu" data-value="12.35">12.3\u00a0%<' in html
    assert 'data-field="memory" data-value="2048">2.0\u00a0KiB<' in html
    assert row_html("h", replace(ROW, memory=2048)).count("\u2013") == 2  # no CPU yet, no start


def test_hostile_text_is_text():
    html = row_html("h", replace(ROW, image='<b hx-get=/>"', pod="<i>", memory=1))
    assert "<b" not in html and "<i>" not in html


def test_words_of_states():
    assert state_of(replace(ROW, health="unhealthy")) == ("failed", "unhealthy")
    assert state_of(replace(ROW, state="exited", exit_code=3)) == ("failed", "exited with 3")
    assert state_of(replace(ROW, state="exited", exit_code=143)) == ("exited", "exited")


def test_ports_and_images():
    assert port_text(Port("::1", 53, 53, "udp")) == "[::1]:53 → 53/udp"
    assert port_text(Port("", 19000, 9000, "tcp", 3)) == "19000-19002 → 9000"
    assert short_image("docker.io/library/nginx:1") == "nginx:1"
