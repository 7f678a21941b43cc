import pytest

from kthena_sandbox.engine.settings import EngineSettings, SettingsError, parse_settings


def test_the_environment_of_the_original_mock_images() -> None:
    settings, unknown = parse_settings([], {"MODEL_NAME": "org/model"})
    assert settings == EngineSettings(models=("org/model",), root="org/model")
    assert unknown == ()


def test_the_arguments_of_the_inference_simulator() -> None:
    argv = ["--model=inner", "--served-model-name", "outer", "--port", "9000", "--mode=echo",
            "--time-to-first-token=100", "--inter-token-latency", "2s", "--max-num-seqs=5",
            "--enable-kvcache", "--kv-cache-size=64", "--block-size=8"]  # fmt: skip
    settings, unknown = parse_settings(argv, {"MODEL_NAME": "ignored"})
    assert settings == EngineSettings(
        models=("outer",), root="inner", port=9000, echo=True, time_to_first_token=0.1,
        inter_token_latency=2.0, max_num_seqs=5, kv_blocks=64, block_size=8,
    )  # fmt: skip
    assert unknown == ("--enable-kvcache",)


def test_sglang_listens_elsewhere() -> None:
    settings, _ = parse_settings(["--engine", "sglang", "--model-path", "m"], {})
    assert (settings.engine, settings.port, settings.models) == ("sglang", 30000, ("m",))


def test_adapters_in_both_notations() -> None:
    settings, _ = parse_settings(["--lora-modules", "a=/a", '{"name":"b","path":"/b"}'], {})
    assert settings.lora == (("a", "/a"), ("b", "/b"))


@pytest.mark.parametrize(
    "argv", [["--port", "x"], ["--time-to-first-token", "soon"], ["--max-num-seqs=0"],
             ["--engine=other"], ["--port", "70000"], ["--port", "-1"], ["--lora-modules", "{}"],
             ["--lora-modules", "{"]],
)  # fmt: skip
def test_wrong_arguments_are_an_error_and_not_an_exit(argv: list[str]) -> None:
    with pytest.raises(SettingsError):
        parse_settings(argv, {})


def test_only_the_command_knows_help(capsys: pytest.CaptureFixture[str]) -> None:
    _, unknown = parse_settings(["--help"], {})
    assert unknown == ("--help",)
    with pytest.raises(SystemExit):
        parse_settings(["--help"], {}, command=True)
    assert "A mock engine." in capsys.readouterr().out
