"""The work on one completion: waiting, the first token, token after token, and the account of it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import trio

from kthena_sandbox.engine import answers, text
from kthena_sandbox.engine.answers import Document, Identity
from kthena_sandbox.engine.delivery import EventStream, before_first_byte, send_whole
from kthena_sandbox.engine.faults import Fault
from kthena_sandbox.engine.metrics import Metrics
from kthena_sandbox.engine.requests import Generation
from kthena_sandbox.engine.sequences import Sequence, Sequences
from kthena_sandbox.engine.settings import EngineSettings
from kthena_sandbox.httpd.exchange import Exchange

Emit = Callable[[int], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Choice:
    """One answer in full and why it ends."""

    pieces: list[str]
    reason: str

    @property
    def said(self) -> str:
        return "".join(self.pieces)


def plan_choice(request: Generation, prompt: str, settings: EngineSettings) -> Choice:
    """What to say.

    Plain completions end with `length`, as in the original's mock engines; chats with `stop` unless
    a limit cut them short.
    """
    pieces = text.split(prompt) if settings.echo else text.answer_pieces(request.model)
    natural = max(settings.tokens or len(pieces), request.at_least)
    length = natural if request.limit is None else min(natural, request.limit)
    if request.ignore_end and request.limit is not None:
        length = request.limit
    ended = request.chat and length == natural and not request.ignore_end
    return Choice(text.prolonged(pieces, length), "stop" if ended else "length")


def plan(request: Generation, settings: EngineSettings) -> list[Choice]:
    """All choices of an answer: `n` for each prompt."""
    prompts = (prompt for prompt in request.prompts for _ in range(request.choices))
    return [plan_choice(request, prompt, settings) for prompt in prompts]


class Work:
    """One admitted request on its way; `complete` answers it."""

    def __init__(
        self, request: Generation, identity: Identity, settings: EngineSettings, fault: Fault
    ) -> None:
        self.request = request
        self.identity = identity
        self.choices = plan(request, settings)
        self.prefill: Document | None = None
        self._settings = settings
        self._fault = fault
        self._arrived = trio.current_time()

    @property
    def takes_time(self) -> bool:
        """Whether its client can leave while nothing is being sent."""
        pace = self._settings
        paced = pace.time_to_first_token or pace.inter_token_latency or pace.prefill_time_per_token
        return bool(paced) or self._fault != Fault()

    async def complete(self, exchange: Exchange, sequences: Sequences, metrics: Metrics) -> None:
        """Wait for a place, generate, answer. Raises ClientGone, CutConnection."""
        await before_first_byte(self._fault)
        async with sequences.admit(self.request.prompt_tokens) as sequence:
            metrics.prompt_tokens += self.request.prompt_tokens
            await self._prefill()
            if self.request.stream:
                await self._stream(exchange, sequence, metrics)
            else:
                await self._generate(sequence, metrics, self._nothing)
                await send_whole(exchange, self._document(), self._fault)
        metrics.whole_request.observe(trio.current_time() - self._arrived)
        for choice in self.choices:
            metrics.finished[choice.reason] += 1

    async def _prefill(self) -> None:
        settings = self._settings
        first = settings.time_to_first_token
        first += settings.prefill_time_per_token * self.request.prompt_tokens
        if self._fault.slow_first is not None:
            first = self._fault.slow_first
        if first:
            await trio.sleep(first)

    async def _generate(self, sequence: Sequence, metrics: Metrics, emit: Emit) -> None:
        """One token of every choice at a time, at the set pace however slow the client is."""
        longest = max(len(choice.pieces) for choice in self.choices)
        last = trio.current_time()
        metrics.first_token.observe(last - self._arrived)
        for number in range(longest):
            if number:
                last = await self._pace(last, metrics)
            born = sum(number < len(choice.pieces) for choice in self.choices)
            sequence.tokens += born
            metrics.generated_tokens += born
            await emit(number)

    async def _pace(self, last: float, metrics: Metrics) -> float:
        if self._settings.inter_token_latency:
            await trio.sleep_until(last + self._settings.inter_token_latency)
        now = trio.current_time()
        metrics.between_tokens.observe(now - last)
        return now

    async def _nothing(self, _: int) -> None:
        """A whole answer is sent at the end."""

    async def _stream(self, exchange: Exchange, sequence: Sequence, metrics: Metrics) -> None:
        events = EventStream(exchange, self._fault)
        if self.request.chat:
            for index in range(len(self.choices)):
                await events.send(answers.role_chunk(self.identity, index))

        async def emit(number: int) -> None:
            for index, choice in enumerate(self.choices):
                if number < len(choice.pieces):
                    await events.send(self._token(index, choice, number))

        await self._generate(sequence, metrics, emit)
        if self.request.include_usage:
            await events.send(answers.usage_chunk(self.identity, self._usage()))
        await events.finish()

    def _token(self, index: int, choice: Choice, number: int) -> Document:
        reason = choice.reason if number + 1 == len(choice.pieces) else None
        chunk = answers.token_chunk(self.identity, index, choice.pieces[number], reason)
        if self.request.continuous_usage:
            chunk["usage"] = self._usage(number + 1)
        return chunk

    def _usage(self, so_far: int | None = None) -> Document:
        lengths = (len(choice.pieces) for choice in self.choices)
        born = sum(length if so_far is None else min(length, so_far) for length in lengths)
        return answers.usage(self.request.prompt_tokens, born)

    def _document(self) -> Document:
        said = [choice.said for choice in self.choices]
        reasons = [choice.reason for choice in self.choices]
        document = answers.completion(self.identity, said, reasons, self._usage())
        return document if self.prefill is None else document | {"kv_transfer_params": self.prefill}
