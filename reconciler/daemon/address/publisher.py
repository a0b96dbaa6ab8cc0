"""The thread that keeps names outside at the public address, by way of ddclient."""

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from reconciler.config import NodeConfig
from reconciler.daemon.address.published import Publication
from reconciler.daemon.address.store import Store
from reconciler.daemon.address.worker import Worker
from reconciler.effects import Effects
from reconciler.errors import Alone, Refused, Temporary
from reconciler.services.ddclient import cache, outcome, program, render
from reconciler.services.ddclient.outcome import Result
from reconciler.services.ddclient.render import Configuration
from reconciler.services.ddclient.secrets import read_secrets
from reconciler.state.wan import Family, Wan, WanPublish
from reconciler.wan.found import Found, settled
from reconciler.wan.news import News
from reconciler.wan.publication import Do, Outcome, Record, Situation, Step, after_failure, decide
from reconciler.watch import public_dns

log = logging.getLogger(__name__)

_IDLE = 3600.0
_ROLE = 10.0
"""Seconds until another try of what the role, the peer or a missing program kept from being done."""
_SLACK = 30.0
"""Seconds that a run of ddclient may take beside waiting for the provider."""


class Publisher:
    """Publishes what `found` gives.

    paused: why nothing is to be done, "" for no reason. news: takes what is to be recorded.
    """

    def __init__(
        self,
        wan: Wan,
        store: Store,
        effects: Effects,
        config: NodeConfig,
        found: Callable[[Family], Found | None],
        paused: Callable[[], str],
        news: Callable[[News], None],
    ) -> None:
        self._wan = wan
        self._store = store
        self._effects = effects
        self._config = config
        self._found = found
        self._paused = paused
        self._news = news
        self._asked: list[tuple[str, bool]] = []
        self._words: set[tuple[str, str]] = set()
        self._cleared = False
        self._publications = [Publication(item, render.identity(item), render.full_names(item)) for item in wan.publish]
        self._worker = Worker("publishing of the public address", self._step)
        self.start, self.kick, self.alive = self._worker.start, self._worker.kick, self._worker.alive

    def stop(self) -> None:
        """End; a ddclient that runs is killed, and how its sending ended is found out in the next term."""
        self._worker.stopping.set()
        self._effects.end_outside()
        self._worker.stop()

    def ask(self, by: str, *, alone: bool) -> None:
        """An operator wants it published though that failed, was refused, or is believed to be done.

        alone: also while the peer is not connected.
        """
        self._asked.append((by, alone))
        self.kick()

    def document(self) -> list[dict[str, Any]]:
        """For the status: each publication. Any thread may ask; touches no disk once the first step is made."""
        return [item.document(self._store.record(item.name), self._worker.trouble) for item in self._publications]

    def _step(self) -> float:
        if not self._cleared:
            self._store.clear(publication.name for publication in self._publications)
            self._cleared = True
        asked, self._asked = self._asked, []
        for by, alone in asked:
            for publication in self._publications:
                self._again(publication, by, alone=alone)
        return min((self._tend(publication) for publication in self._publications), default=_IDLE)

    def _tend(self, publication: Publication) -> float:
        """Bring one publication as far as it can be brought now; seconds until it goes on."""
        found = self._found(publication.item.family)
        while found is not None and not self._worker.stopping.is_set():
            if publication.wanted != str(found.address):
                publication.wanted, publication.looks, publication.seen = str(found.address), 0, None
            try:
                configuration = self._configuration(publication.item)
            except Refused as error:
                publication.step = Step(Do.WAIT, why=str(error), stuck=True)
                return _ROLE
            step = decide(self._situation(publication, found, configuration), time.time())
            if step.do is Do.WAIT:
                publication.step = step
                return max(step.until - time.time(), 0.0)
            if not self._do(step.do, publication, found, configuration):
                return _ROLE
            found = self._found(publication.item.family)
        return _IDLE

    def _do(self, what: Do, publication: Publication, found: Found, configuration: Configuration) -> bool:
        """Whether it was done."""
        if what is Do.LOOK:
            item = publication.item
            publication.seen = public_dns.look(item.domain, publication.names, item.family, item.confirm)
            publication.looks = 0 if publication.seen.shows(found.address) else publication.looks + 1
        elif what is Do.CONFIRM:
            self._confirm(publication, found)
        elif what is Do.ADOPT:
            known = cache.summary(
                self._entries(publication, configuration), configuration.hosts, publication.item.family
            )
            record = self._store.record(publication.name)
            adopted = replace(record, address=known.address, sent=known.changed, outcome=Outcome.GOOD, failures=0)
            self._store.keep_record(publication.name, replace(adopted, digest=configuration.digest, not_before=0.0))
        else:
            return self._send(publication, found, configuration)
        return True

    def _confirm(self, publication: Publication, found: Found) -> None:
        record = self._store.record(publication.name)
        mine = record.address == str(found.address) and record.sent > record.confirmed_at
        text = f"{found.address} for {', '.join(publication.names)}"
        said = f"Published {text}: seen in public DNS" if mine else f"Public DNS has {text}: nothing had to be sent"
        # Not before it was sent, though the clock of the node that sent it may be ahead of ours.
        confirmed = replace(
            record, confirmed=str(found.address), confirmed_at=max(time.time(), record.sent), failures=0, not_before=0.0
        )
        if mine:
            confirmed = replace(confirmed, outcome=Outcome.GOOD)
        self._store.keep_record(publication.name, confirmed)
        self._tell("published", said, publication, found)

    def _send(self, publication: Publication, found: Found, configuration: Configuration) -> bool:
        item, wanted = publication.item, str(found.address)
        why = self._paused()
        if why:
            publication.step = Step(Do.WAIT, why=f"paused: {why}")
            return False
        alone = self._wan.when_alone or (publication.name, wanted) in self._words
        try:
            self._effects.check_outside(f"publish {wanted}", alone=alone)
            ddclient = program.find()
        except Alone as error:
            text = f"{error}; `when_alone: yes` in `wan:`, or `reconciler wan publish --alone`, lets it"
            publication.step = Step(Do.WAIT, why=text, stuck=True)
            return False
        except Temporary as error:
            publication.step = Step(Do.WAIT, why=str(error), stuck=True)
            return False
        before = self._store.record(publication.name)
        digest = configuration.digest
        record = replace(before, address=wanted, sent=time.time(), outcome=Outcome.SENDING, text="", digest=digest)
        self._store.write_configuration(publication.name, digest, configuration.content)
        self._store.keep_record(publication.name, record)
        paths = self._store.paths(publication.name, digest)
        argv = program.argv(ddclient, *paths, found.address)
        timeout = _SLACK + program.TIMEOUT * len(configuration.hosts)
        try:
            done = self._effects.run_outside(argv, alone=alone, timeout=timeout, cwd=Path("/"))
        except Temporary as error:
            if self._worker.stopping.is_set():
                return False
            result = Result(Outcome.FAILED, str(error))
        else:
            output = outcome.scrub(done.text, configuration.secrets)
            entries = self._entries(publication, configuration)
            result = outcome.judge(done.code, output, entries, configuration.hosts, found.address, item.family)
        self._note(publication, found, before, record, result)
        publication.looks = 0
        return True

    def _note(self, publication: Publication, found: Found, before: Record, sent: Record, result: Result) -> None:
        """Keep how a sending ended."""
        good = result.outcome is Outcome.GOOD
        failures = 0 if good else before.failures + 1
        not_before = 0.0 if good else max(time.time() + after_failure(failures), result.wait_until)
        record = replace(sent, outcome=result.outcome, text=result.text, failures=failures, not_before=not_before)
        self._store.keep_record(publication.name, record)
        log.log(logging.INFO if good else logging.WARNING, "%s: %s: %s", publication.name, found.address, result.text)
        repeated = (before.address, before.outcome, before.text) == (record.address, record.outcome, record.text)
        if not good and not repeated:
            text = f"Not published {found.address} for {', '.join(publication.names)}: {result.text}"
            self._tell(result.outcome.value, text, publication, found)

    def _again(self, publication: Publication, by: str, *, alone: bool) -> None:
        found = self._found(publication.item.family)
        if alone and found is not None:
            self._words.add((publication.name, str(found.address)))
        record = self._store.record(publication.name)
        fresh = replace(record, outcome=Outcome.NONE, text="", failures=0, not_before=0.0)
        self._store.keep_record(publication.name, fresh)
        self._store.forget_cache(publication.name, record.digest)
        publication.seen = None
        if found is not None:
            text = f"Publishing {found.address} for {', '.join(publication.names)} asked for"
            self._tell("asked", text, publication, found, by)

    def _tell(self, result: str, text: str, publication: Publication, found: Found, by: str = "") -> None:
        self._news(News(result, str(found.address), text, found.by, publication.names, by))

    def _situation(self, publication: Publication, found: Found, configuration: Configuration) -> Situation:
        entries = self._entries(publication, configuration)
        return Situation(
            address=found.address,
            settled_at=settled(found, self._wan.settle),
            record=self._store.record(publication.name),
            seen=publication.seen,
            cache=cache.summary(entries, configuration.hosts, publication.item.family),
            digest=configuration.digest,
            every=publication.item.every,
            looks=publication.looks,
        )

    def _entries(self, publication: Publication, configuration: Configuration) -> cache.Entries:
        return cache.parse(self._store.cache(publication.name, configuration.digest))

    def _configuration(self, item: WanPublish) -> Configuration:
        password, secrets = read_secrets(item, self._config.secrets, self._config.providers)
        return render.configuration(item, password, secrets)
