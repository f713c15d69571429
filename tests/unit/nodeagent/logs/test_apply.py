import os

from nodeagent.logs.apply import remove_log, rotate


def test_a_long_log_is_set_aside_and_its_writer_told(tmp_path):
    log, pipe = tmp_path / "0.log", tmp_path / "ctl"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        for number in range(7):
            log.write_bytes(b"%d" % number * 100)
            assert rotate(str(log), str(pipe), 100, 5)
        assert os.read(reader, 100) == b"2 0 0\n" * 7
    finally:
        os.close(reader)
    kept = sorted(path.name for path in tmp_path.glob("0.log.*"))
    assert kept == ["0.log.1", "0.log.2", "0.log.3", "0.log.4"]
    assert (tmp_path / "0.log.1").read_bytes() == b"6" * 100
    remove_log(str(log))
    assert list(tmp_path.glob("0.log*")) == []


def test_short_logs_and_those_without_a_writer_stay(tmp_path):
    log, pipe = tmp_path / "0.log", tmp_path / "ctl"
    log.write_bytes(b"x" * 100)
    assert not rotate(str(log), str(pipe), 1000, 5)
    assert not rotate(str(log), str(pipe), 10, 5)
    os.mkfifo(pipe)
    assert not rotate(str(log), str(pipe), 10, 5)
    assert log.exists()
