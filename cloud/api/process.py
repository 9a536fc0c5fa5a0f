"""The service as a process: models loaded, address and device announced, signals obeyed."""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn

import torch
from transformers.utils import logging as transformers_logging

from cloud.api.service import Service, serving
from cloud.config import PROCESS, ServeConfig
from cloud.models.loading import load_tail
from cloud.models.numpy_threads import limit_numpy
from cloud.models.served_models import ServedModels
from cloud.runner.loading import LoadOptions
from cloud.runner.process.process_executor import ProcessExecutor
from protos.bundle import Bundle
from protos.config import watchdog_seconds
from protos.notify import Notifier

_log = logging.getLogger(__name__)
EXIT_HANGS = 70  # the exit status of a service whose model hangs: sysexits' "internal software error"


def serve(bundles: Sequence[Bundle], config: ServeConfig) -> int:
    """Serve until a signal; the exit status.

    Raises RequestError, BundleError or CheckpointError where it cannot start.
    """
    transformers_logging.disable_progress_bar()
    limit_numpy()
    if config.engine == PROCESS:
        return asyncio.run(_serve_apart(bundles, config))
    models = ServedModels(
        {
            digest: load_tail(bundle, config.device, config.dtype, threads=config.threads)
            for digest, bundle in {bundle.digest: bundle for bundle in bundles}.items()
        }
    )
    torch.set_num_threads(max(model.threads for model in models))  # of all threads that begin from now on
    if config.compile:
        from cloud.models.compiled import compile_step  # dynamo and inductor, which nobody else needs

        for model in models:
            compile_step(model)
    return serve_models(models, config)


def serve_models(models: ServedModels, config: ServeConfig) -> int:
    """The same for models that are loaded."""
    return asyncio.run(_serve(models, config))


async def _serve_apart(bundles: Sequence[Bundle], config: ServeConfig) -> int:
    """The same, with the models in a process of their own. Raises ModelLost where that does not come up."""
    options = LoadOptions(config.device, config.dtype, config.threads, config.compile)
    async with ProcessExecutor.running() as executor:
        loaded = {
            digest: await executor.load(bundle, options)
            for digest, bundle in {bundle.digest: bundle for bundle in bundles}.items()
        }
        return await _serve(ServedModels(loaded), config, executor)


async def _serve(models: ServedModels, config: ServeConfig, executor: ProcessExecutor | None = None) -> int:
    stops, notifier = _stop_signals(), Notifier()
    async with serving(models, config, executor) as service:
        if executor:
            service.telemetry.metrics.watch_process(lambda: executor.pid, lambda: executor.restarts.count)
        notifier.ready(_announce(service, models, config))
        signs_of_life = asyncio.create_task(_tell_alive(notifier), name="signs of life")
        hanging = asyncio.create_task(_model_gone(service, executor), name="watchdog")
        stopping = asyncio.create_task(stops.get(), name="first signal")
        await asyncio.wait({hanging, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if hanging.done():
            await _give_up(service)
        notifier.stopping()
        status = await _drain(service, config.drain, stops, hanging)
        signs_of_life.cancel()
        hanging.cancel()
        return status


async def _tell_alive(notifier: Notifier) -> None:
    """For systemd's watchdog, until cancelled: where the event loop hangs, nothing is told."""
    while seconds := watchdog_seconds():
        notifier.alive()
        await asyncio.sleep(seconds / 2)


async def _model_gone(service: Service, executor: ProcessExecutor | None) -> None:
    """Wait until nothing is left to be done for the model, and say why."""
    watchdog = service.telemetry.watchdog
    if executor:
        await executor.supervise(watchdog.hanging)
        _log.critical("the model's process ends again and again; the service ends")
    else:
        await watchdog.hanging()
        _log.critical("a step of the model takes longer than %g s; the service ends", watchdog.limit)


async def _give_up(service: Service) -> NoReturn:
    """End the process at once: a thread that hangs can be ended in no other way, and holds up any end in
    order. Who supervises the process starts it anew.
    """
    await service.give_up()
    logging.shutdown()
    sys.stdout.flush()
    os._exit(EXIT_HANGS)


def _announce(service: Service, models: ServedModels, config: ServeConfig) -> str:
    """What is served, on what and where, which is printed, too."""
    if not config.loopback and not (config.access.tls and config.access.identified):
        _log.warning(
            "%s has to be reached through a proxy only, which has TLS and knows callers", service.address
        )
    address = f"https://{service.address}" if config.access.tls else service.address
    served = "; ".join(
        f"{m.bundle.manifest.model} {m.digest[:12]} at {', '.join(c.name for c in m.bundle.manifest.cuts)}"
        for m in models
    )
    placements = dict.fromkeys(
        f"{m.placement.device_name}, {m.placement.dtype_name} ({m.placement.why})" for m in models
    )
    threads = ", ".join(dict.fromkeys(str(m.threads) for m in models))
    device = f"{'; '.join(placements)}, {threads} threads"
    announced = f"serving {served}, and pictures; on {device}; address {address}"
    print(announced, flush=True)
    if service.http_url:
        print(f"HTTP at {service.http_url}", flush=True)
    print(f"listening on {address}", flush=True)
    return announced


def _stop_signals() -> asyncio.Queue[int]:
    """SIGTERM and SIGINT, in order of arrival."""
    stops: asyncio.Queue[int] = asyncio.Queue()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stops.put_nowait, number)
    return stops


async def _drain(
    service: Service, seconds: float, stops: asyncio.Queue[int], hanging: asyncio.Task[None]
) -> int:
    """The exit status: 0 where every running answer was finished, 1 where time ran out or a second signal
    came.
    """
    _log.warning("draining: new requests are refused, running answers have %g s", seconds)
    draining = asyncio.create_task(service.drain(seconds), name="drain")
    second_signal = asyncio.create_task(stops.get(), name="second signal")
    await asyncio.wait({draining, second_signal, hanging}, return_when=asyncio.FIRST_COMPLETED)
    if hanging.done():
        await _give_up(service)
    second_signal.cancel()
    if draining.done() and draining.result():
        return 0
    draining.cancel()
    _log.warning("stopped with answers unfinished")
    return 1
