import pytest

from nodeagent.cli import main, parser


def test_run_needs_an_address_and_says_so(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["run"])
    assert caught.value.code == 2
    assert "--node-ip" in capsys.readouterr().err


def test_help_shows_examples(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "knode image import" in capsys.readouterr().out


def test_a_failure_is_one_line_and_status_1(tmp_path, capsys):
    assert main(["image", "import", str(tmp_path / "absent"), "--image-dir", str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert error.startswith("knode: ")
    assert error.count("\n") == 1


def test_an_empty_store_lists_nothing(tmp_path, capsys):
    assert main(["image", "ls", "--image-dir", str(tmp_path)]) == 0
    assert capsys.readouterr().out == ""


def test_defaults_are_those_of_a_real_node():
    options = parser().parse_args(["run", "--node-ip", "192.0.2.1"])
    assert (options.root_dir, options.run_dir, options.port) == ("/var/lib/podnet", "/run/podnet", 10250)
