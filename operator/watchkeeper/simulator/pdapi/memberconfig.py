"""The parts of a member's configuration that nothing here depends on: PD's defaults (`server/config/config.go`)."""

from __future__ import annotations

from watchkeeper.simulator.gojson import Json

PD_SERVER: dict[str, Json] = {
    "use-region-storage": "true",
    "max-gap-reset-ts": "24h0m0s",
    "key-type": "table",
    "runtime-services": "",
    "metric-storage": "",
    "dashboard-address": "auto",
    "flow-round-by-digit": 3,
    "min-resolved-ts-persistence-interval": "1s",
    "server-memory-limit": 0,
    "server-memory-limit-gc-trigger": 0.7,
    "enable-gogc-tuner": "false",
    "gc-tuner-threshold": 0.6,
    "block-safe-point-v1": "false",
}

REPLICATION_MODE: dict[str, Json] = {
    "replication-mode": "majority",
    "dr-auto-sync": {
        "label-key": "",
        "primary": "",
        "dr": "",
        "primary-replicas": 0,
        "dr-replicas": 0,
        "wait-store-timeout": "1m0s",
        "wait-recover-timeout": "0s",
        "pause-region-split": "false",
    },
}

BEFORE_METRIC: dict[str, Json] = {
    "log": {
        "level": "info",
        "format": "text",
        "disable-timestamp": False,
        "file": {"filename": "", "max-size": 0, "max-days": 0, "max-backups": 0},
        "development": False,
        "disable-caller": False,
        "disable-stacktrace": False,
        "disable-error-verbose": True,
        "sampling": None,
        "error-output-path": "",
    },
    "max-concurrent-tso-proxy-streamings": 5000,
    "tso-proxy-recv-from-client-timeout": "1h0m0s",
    "tso-save-interval": "5s",
    "tso-update-physical-interval": "50ms",
    "enable-local-tso": False,
}
"""Between the lease and the part about metrics."""

AFTER_VERSION: dict[str, Json] = {
    "labels": {},
    "quota-backend-bytes": "8GiB",
    "auto-compaction-mode": "periodic",
    "auto-compaction-retention-v2": "1h",
    "tick-interval": "500ms",
    "election-interval": "3s",
    "enable-prevote": True,
    "max-request-bytes": 157286400,
    "security": {
        "cacert-path": "",
        "cert-path": "",
        "key-path": "",
        "cert-allowed-cn": None,
        "SSLCABytes": None,
        "SSLCertBytes": None,
        "SSLKEYBytes": None,
        "redact-info-log": False,
        "encryption": {
            "data-encryption-method": "plaintext",
            "data-key-rotation-period": "168h0m0s",
            "master-key": {"type": "plaintext", "key-id": "", "region": "", "endpoint": "", "path": ""},
        },
    },
    "label-property": {},
    "dashboard": {
        "tidb-cacert-path": "",
        "tidb-cert-path": "",
        "tidb-key-path": "",
        "public-path-prefix": "",
        "internal-proxy": False,
        "enable-telemetry": False,
        "enable-experimental": False,
        "disable-custom-prom-addr": False,
    },
    "replication-mode": REPLICATION_MODE,
    "keyspace": {
        "pre-alloc": None,
        "wait-region-split": True,
        "wait-region-split-timeout": "30s",
        "check-region-split-interval": "50ms",
    },
    "micro-service": {"enable-scheduling-fallback": "true"},
    "controller": {
        "degraded-mode-wait-duration": "0s",
        "ltb-max-wait-duration": "30s",
        "ltb-token-rpc-max-delay": "1s",
        "request-unit": {
            "read-base-cost": 0.125,
            "read-per-batch-base-cost": 0.5,
            "read-cost-per-byte": 0.0000152587890625,
            "write-base-cost": 1,
            "write-per-batch-base-cost": 1,
            "write-cost-per-byte": 0.0009765625,
            "read-cpu-ms-cost": 1 / 3,
        },
        "enable-controller-trace-log": "false",
    },
}
"""Behind the version of the cluster."""
