"""KubeProxyConfiguration: defaults, strictness, refusals."""

from typing import Any

import pytest

from kproxy.configuration.config import (
    API_VERSION,
    KIND,
    ConfigError,
    Configuration,
    from_mapping,
    split_address,
)
from kproxy.configuration.flags import (
    apply_flags,
    go_style,
    logging_of,
    overrides_of_file,
    parser,
    without_effect,
)
from kproxy.configuration.validation import validate
from kproxy.sysctls import Setting, settings

_HEAD = {"apiVersion": API_VERSION, "kind": KIND}


def _read(**fields: Any) -> Configuration:
    config, unknown = from_mapping({**_HEAD, **fields})
    assert unknown == ()
    validate(config)
    return config


def test_an_empty_file_has_kube_proxys_defaults() -> None:
    config = _read()
    assert config.effective_mode == "iptables"
    assert config.sync_period_s == 30
    assert config.masquerade_bit == 14
    assert config.healthz_address == "0.0.0.0:10256"
    assert config.metrics_address == "127.0.0.1:10249"


def test_a_file_as_kubeadm_writes_it() -> None:
    config = _read(
        bindAddress="0.0.0.0",
        bindAddressHardFail=False,
        clientConnection={
            "acceptContentTypes": "",
            "burst": 0,
            "contentType": "",
            "qps": 0,
            "kubeconfig": "/var/lib/kube-proxy/kubeconfig.conf",
        },
        clusterCIDR="10.244.0.0/16",
        configSyncPeriod="0s",
        conntrack={
            "maxPerCore": None,
            "min": None,
            "tcpCloseWaitTimeout": None,
            "tcpEstablishedTimeout": None,
        },
        detectLocal={"bridgeInterface": "", "interfaceNamePrefix": ""},
        detectLocalMode="",
        enableProfiling=False,
        healthzBindAddress="",
        metricsBindAddress="",
        hostnameOverride="",
        iptables={"masqueradeAll": False, "masqueradeBit": None, "minSyncPeriod": "0s", "syncPeriod": "0s"},
        ipvs={"excludeCIDRs": None, "strictARP": True, "scheduler": "rr", "tcpTimeout": "0s"},
        logging={"flushFrequency": 0},
        mode="nftables",
        nftables={"masqueradeBit": 10, "minSyncPeriod": "2s"},
        nodePortAddresses=None,
        oomScoreAdj=None,
        portRange="",
        showHiddenMetricsForVersion="",
        winkernel={"enableDSR": False, "networkName": "", "sourceVip": ""},
    )
    assert config.client_connection.kubeconfig == "/var/lib/kube-proxy/kubeconfig.conf"
    assert config.ipvs.strict_arp
    assert (config.masquerade_bit, config.min_sync_period_s) == (10, 2)
    assert config.healthz_address == "0.0.0.0:10256"
    assert config.metrics_address == "127.0.0.1:10249"
    assert config.client_connection.burst == 10
    assert config.client_connection.qps == 5


def test_unknown_fields_are_named_and_left_out() -> None:
    config, unknown = from_mapping(
        {**_HEAD, "mode": "nftables", "bogus": 1, "iptables": {"also": 2}, "logging": {"x": 3}}
    )
    assert config.mode == "nftables"
    assert unknown == ("bogus", "iptables.also", "logging.x")


def test_wrong_types_are_refused_with_their_place() -> None:
    with pytest.raises(ConfigError, match=r"masqueradeAll"):
        from_mapping({**_HEAD, "iptables": {"masqueradeAll": "yes"}})


def test_another_kind_is_refused() -> None:
    with pytest.raises(ConfigError, match="KubeletConfiguration"):
        from_mapping({"apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration"})


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"mode": "magic"}, "mode: 'magic'"),
        ({"detectLocalMode": "Magic"}, "detectLocalMode"),
        ({"bindAddress": "here"}, "bindAddress"),
        ({"healthzBindAddress": "1.2.3.4:99999"}, "healthzBindAddress"),
        ({"metricsBindAddress": "here"}, "metricsBindAddress"),
        ({"iptables": {"masqueradeBit": 32}}, "masqueradeBit"),
        ({"oomScoreAdj": 2000}, "oomScoreAdj"),
        ({"healthzBindAddress": "1.2.3.4:0"}, "healthzBindAddress"),
        ({"metricsBindAddress": "[fd00::5]"}, "metricsBindAddress"),
        ({"metricsBindAddress": "10.10.10.10:"}, "metricsBindAddress: '10.10.10.10:' is not IP:port"),
        ({"mode": "nftables", "nftables": {"minSyncPeriod": "60s"}}, "nftables.minSyncPeriod"),
        ({"mode": "nftables", "nftables": {"masqueradeBit": -1}}, "nftables.masqueradeBit"),
        ({"mode": "ipvs", "ipvs": {"syncPeriod": "-1s"}}, "ipvs.syncPeriod"),
        ({"iptables": {"syncPeriod": "1s", "minSyncPeriod": "5s"}}, "iptables.minSyncPeriod"),
        ({"nftables": {"syncPeriod": "soon"}}, "soon"),
        ({"ipvs": {"udpTimeout": ""}}, "ipvs.udpTimeout"),
        ({"clusterCIDR": "10.0.0.0"}, "clusterCIDR"),
        ({"clusterCIDR": "10.0.0.0/8,11.0.0.0/8"}, "each IP family"),
        ({"clusterCIDR": "10.0.0.0/8,fd00::/64,11.0.0.0/8"}, "each IP family"),
        ({"clusterCIDR": "10.0.0.0/8,"}, "clusterCIDR: ''"),
        ({"clusterCIDR": "10.0.0.0/8, fd00::/64"}, "clusterCIDR: ' fd00::/64'"),
        ({"nodePortAddresses": ["primary", "10.0.0.0/8"]}, "alone"),
        ({"nodePortAddresses": ["eth0"]}, "nodePortAddresses"),
        ({"mode": "ipvs", "ipvs": {"excludeCIDRs": ["x"]}}, "excludeCIDRs"),
        ({"configSyncPeriod": "-1s"}, "configSyncPeriod: '-1s' is negative"),
        (
            {"conntrack": {"tcpEstablishedTimeout": "x"}},
            "conntrack.tcpEstablishedTimeout: 'x' is no duration",
        ),
        ({"conntrack": {"udpTimeout": "-1s"}}, "conntrack.udpTimeout"),
        ({"conntrack": {"maxPerCore": -1}}, "conntrack.maxPerCore: -1"),
        ({"conntrack": {"min": -1}}, "conntrack.min: -1"),
        ({"clientConnection": {"burst": -1}}, "clientConnection.burst"),
        ({"mode": "ipvs", "ipvs": {"tcpTimeout": "-3s"}}, "ipvs.tcpTimeout"),
        ({"iptables": {"masqueradeBit": 40}}, "iptables.masqueradeBit: 40"),
        ({"detectLocalMode": "BridgeInterface"}, "detectLocal.bridgeInterface"),
        ({"detectLocalMode": "InterfaceNamePrefix"}, "detectLocal.interfaceNamePrefix"),
        ({"logging": {"format": "yaml"}}, "logging.format: 'yaml' is unknown"),
        ({"logging": {"format": "json", "vmodule": [{"filePattern": "a", "verbosity": 1}]}}, "vmodule"),
        ({"logging": {"options": {"json": {"infoBufferSize": "1"}}}}, "options.json.infoBufferSize"),
    ],
)
def test_what_cannot_be_is_refused_by_name(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        validate(from_mapping({**_HEAD, **fields})[0])


@pytest.mark.parametrize(
    "fields",
    [
        {"nftables": {"minSyncPeriod": "60s", "masqueradeBit": 40}},
        {"mode": "nftables", "iptables": {"syncPeriod": "-5s"}, "ipvs": {"minSyncPeriod": "-1s"}},
        {"ipvs": {"excludeCIDRs": ["x"], "tcpTimeout": "-3s"}},
        {"detectLocalMode": "NodeCIDR", "clusterCIDR": "10.0.0.0/8,11.0.0.0/8"},
        {"bindAddress": "", "nodePortAddresses": []},
        {
            "logging": {"options": {"json": {"infoBufferSize": "1"}}},
            "featureGates": {"LoggingAlphaOptions": True},
        },
    ],
)
def test_what_is_not_in_use_is_not_looked_at(fields: dict[str, Any]) -> None:
    _read(**fields)


def test_an_address_without_a_port_gets_the_default_one() -> None:
    assert _read(healthzBindAddress="1.2.3.4").healthz_address == "1.2.3.4:10256"
    assert _read(metricsBindAddress="::").metrics_address == "[::]:10249"
    assert _read(bindAddress="::").healthz_address == "[::]:10256"
    assert split_address("[::1]:80") == ("::1", 80)


def _flags(*arguments: str) -> Configuration:
    return apply_flags(Configuration(), parser().parse_args(go_style(arguments)))


def test_flags_in_all_of_gos_spellings() -> None:
    config = _flags(
        "--proxy-mode=nftables",
        "-cluster_cidr",
        "10.0.0.0/8",
        "--masquerade-all",
        "--bind-address-hard-fail=false",
        "--nodeport-addresses=10.0.0.0/8,192.168.0.0/16",
        "--iptables-min-sync-period=5s",
        "--feature-gates=AllAlpha=true,AllowServiceExternalIPs=false",
        "--feature-gates=AllBeta=true",
        "--v=4",
        "--logtostderr",
    )
    assert config.mode == "nftables"
    assert config.cluster_cidr == "10.0.0.0/8"
    assert config.section.masquerade_all
    assert config.node_port_addresses == ("10.0.0.0/8", "192.168.0.0/16")
    assert config.min_sync_period_s == 5
    assert config.feature_gates == {"AllAlpha": True, "AllowServiceExternalIPs": False, "AllBeta": True}


def test_minimum_sync_period_is_nothing_unless_asked_for() -> None:
    assert _flags("--proxy-mode=nftables").min_sync_period_s == 0
    assert _flags("--proxy-mode=iptables").min_sync_period_s == 1


def test_old_port_flags_switch_servers_off() -> None:
    config = _flags("--healthz-port=0", "--metrics-port=0")
    assert (config.healthz_address, config.metrics_address) == ("", "")


def test_old_port_flags_complete_an_address() -> None:
    assert _flags("--healthz-bind-address=1.2.3.4", "--healthz-port=77").healthz_address == "1.2.3.4:77"
    assert _flags("--metrics-bind-address=fd00::6", "--metrics-port=78").metrics_address == "[fd00::6]:78"
    assert _flags("--metrics-bind-address=[::1]:1", "--metrics-port=78").metrics_address == "[::1]:1"
    assert _flags("--healthz-port=77").healthz_address == "0.0.0.0:10256"


def test_flags_of_lists_go_on() -> None:
    config = _flags("--nodeport-addresses=10.0.0.0/8", "--nodeport-addresses=fd00::/64,11.0.0.0/8")
    assert config.node_port_addresses == ("10.0.0.0/8", "fd00::/64", "11.0.0.0/8")


def test_the_mark_of_iptables_is_not_that_of_nftables() -> None:
    assert _flags("--iptables-masquerade-bit=7", "--proxy-mode=ipvs").masquerade_bit == 7
    assert _flags("--iptables-masquerade-bit=7", "--proxy-mode=nftables").masquerade_bit == 14


@pytest.mark.parametrize(
    "flag",
    ["--config-sync-period=0", "--iptables-sync-period=-1s", "--ipvs-udp-timeout=1d", "--vmodule=a.go"],
)
def test_flags_that_cannot_be_are_refused(flag: str) -> None:
    with pytest.raises(SystemExit):
        _flags(flag)


def test_few_flags_count_beside_a_file() -> None:
    def beside(*flags: str) -> Configuration:
        parsed = parser().parse_args(go_style(["--config=x", *flags]))
        return overrides_of_file(
            Configuration(mode="ipvs", logging={"format": "json", "verbosity": 9}), parsed
        )

    assert beside("--hostname-override=  Node1 ").hostname_override == "node1"
    with pytest.raises(ConfigError, match="--hostname-override"):
        beside("--hostname-override= ")
    assert beside("--proxy-mode=iptables", "--kubeconfig=y") == beside()
    assert beside("-v=7").logging == {"format": "json", "verbosity": 7}
    assert beside("--logging-format=text", "--vmodule=a.go=3").logging == {
        "format": "text",
        "verbosity": 9,
        "vmodule": [{"filePattern": "a.go", "verbosity": 3}],
    }
    given = parser().parse_args(
        ["--config=x", "--hostname-override=n", "--proxy-mode=ipvs", "--cluster-cidr=y"]
    )
    assert without_effect(given) == ("--proxy-mode", "--cluster-cidr")


def test_connection_tracking_is_sized_by_cores() -> None:
    defaults = dict(settings(Configuration().conntrack, 2))
    assert defaults == {
        "net/netfilter/nf_conntrack_max": 131072,
        "net/netfilter/nf_conntrack_tcp_timeout_established": 86400,
        "net/netfilter/nf_conntrack_tcp_timeout_close_wait": 3600,
    }
    assert settings(Configuration().conntrack, 64)[0].value == 1_048_576
    off = _flags("--conntrack-max-per-core=0", "--conntrack-tcp-be-liberal", "--conntrack-udp-timeout=10s")
    found = settings(off.conntrack, 2)
    assert Setting("net/netfilter/nf_conntrack_tcp_be_liberal", 1) in found
    assert Setting("net/netfilter/nf_conntrack_udp_timeout", 10) in found
    assert not any(s.key.endswith("_max") for s in found)


@pytest.mark.parametrize(
    ("flags", "written", "wanted"),
    [
        ([], {}, ("info", "text")),
        (["-v", "4"], {}, ("debug", "text")),
        (["--v=2", "--logging-format=json"], {}, ("info", "json")),
        ([], {"verbosity": 5, "format": "json"}, ("debug", "json")),
        (["-v=0", "--logging-format", "text"], {"verbosity": 5, "format": "json"}, ("info", "text")),
        (["--log-level", "error", "-v", "9"], {}, ("error", "text")),
    ],
)
def test_logging_flags_count_before_the_file(
    flags: list[str], written: dict[str, Any], wanted: tuple[str, str]
) -> None:
    config = Configuration(logging=written)
    assert logging_of(config, parser().parse_args(go_style(flags))) == wanted


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"featureGates": {"Foo": True}}, "unrecognized feature gate: Foo"),
        (
            {"featureGates": {"MultiCIDRServiceAllocator": False}},
            "cannot set feature gate MultiCIDRServiceAllocator to false, feature is locked to true",
        ),
        (
            {"showHiddenMetricsForVersion": "1.34"},
            "must be omitted or have the value '1.35'; only the previous minor version is allowed",
        ),
    ],
)
def test_gates_and_versions_are_refused_in_kube_proxys_words(fields: dict[str, Any], said: str) -> None:
    config, _ = from_mapping({**_HEAD, **fields})
    with pytest.raises(ConfigError) as refusal:
        validate(config)
    assert said in str(refusal.value)


def test_a_gate_may_be_set_to_what_it_is() -> None:
    config = _read(
        featureGates={"MultiCIDRServiceAllocator": True, "AllAlpha": False},
        showHiddenMetricsForVersion="1.35",
    )
    validate(config)


@pytest.mark.parametrize("text", ["Foo", "AllAlpha=maybe"])
def test_a_flag_that_is_no_gate_is_wrong_usage(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args([f"--feature-gates={text}"])
    assert text.partition("=")[0] in capsys.readouterr().err
