"""Examples -> the rows of tokens of a training step."""

from collections.abc import Iterator
from typing import Any

import torch

from stance.nli.examples import Example
from stance.nli.recipe import Recipe
from stance.nli.trainee import Rows


class Packer:
    """Examples -> rows of tokens."""

    def __init__(self, tokenizer: Any, recipe: Recipe) -> None:
        self.tokens = tokenizer.backend_tokenizer
        self.tokens.no_padding()
        self.tokens.no_truncation()
        self.sep, self.recipe = tokenizer.sep_token_id, recipe

    def encode(self, example: Example) -> tuple[list[int], list[list[int]]]:
        """Token ids of the premise, cut at its end as the scorer cuts it, and of each hypothesis, whole."""
        layout = self.recipe.layout
        premise, *hypotheses = (e.ids for e in self.tokens.encode_batch([example.premise, *example.hypotheses]))
        if len(premise) > layout.max_premise:
            premise = [*premise[: layout.max_premise - 1], self.sep]
        return premise, hypotheses

    def steps(self, examples: Iterator[Example]) -> Iterator[tuple[Rows, list[Example]]]:
        """Steps of about `step_tokens` tokens each; a long example's hypotheses go to several rows. Hypotheses that the
        scorer would refuse for their length are left out: cut, they would say something else."""
        recipe = self.recipe
        chunks: list[tuple[int, list[int], list[list[int]], Example]] = []
        total = 0
        for example in examples:
            premise, hypotheses = self.encode(example)
            short = [k for k, ids in enumerate(hypotheses) if len(ids) <= recipe.layout.max_hypothesis]
            if len(short) < len(hypotheses):
                example, hypotheses = example.part(short), [hypotheses[k] for k in short]
            first = 0
            while first < len(hypotheses):
                size, n = len(premise), 0
                while first + n < len(hypotheses) and (not n or size + len(hypotheses[first + n]) <= recipe.row_tokens):
                    size += len(hypotheses[first + n])
                    n += 1
                part = range(first, first + n)
                chunks.append((size, premise, hypotheses[first : first + n], example.part(part)))
                total += size
                first += n
            if total >= recipe.step_tokens:
                yield self.rows(chunks), [c[3] for c in chunks]
                chunks, total = [], 0
        if chunks:
            yield self.rows(chunks), [c[3] for c in chunks]

    def rows(self, chunks: list[tuple[int, list[int], list[list[int]], Example]]) -> Rows:
        bins: list[list[int]] = []
        room: list[int] = []
        for k in sorted(range(len(chunks)), key=lambda k: -chunks[k][0]):
            size = chunks[k][0]
            place = next((b for b, left in enumerate(room) if left >= size), None)
            if place is None:
                bins.append([])
                room.append(max(self.recipe.row_tokens, size))
                place = len(bins) - 1
            bins[place].append(k)
            room[place] -= size
        longest = max(sum(chunks[k][0] for k in row) for row in bins)
        most = max(sum(len(chunks[k][2]) for k in row) for row in bins)
        shape = (len(bins), longest)
        ids, places = torch.full(shape, self.sep), torch.zeros(shape, dtype=torch.long)
        premise_of, hypothesis_of = torch.full(shape, -1), torch.zeros(shape, dtype=torch.long)
        cls = torch.zeros(len(bins), most, dtype=torch.long)
        allowed, soft = torch.zeros(len(bins), most, 3, dtype=torch.bool), torch.zeros(len(bins), most, 3)
        for r, row in enumerate(bins):
            at = column = 0
            for p, k in enumerate(row):
                _, premise, hypotheses, example = chunks[k]
                for number, tokens in enumerate([premise, *hypotheses]):
                    span = slice(at, at + len(tokens))
                    ids[r, span] = torch.tensor(tokens)
                    start = self.recipe.layout.hypothesis_position if number else 0
                    places[r, span] = torch.arange(start, start + len(tokens))
                    premise_of[r, span] = p
                    hypothesis_of[r, span] = number
                    if number:
                        cls[r, column] = at
                        allowed[r, column] = torch.tensor([x in example.allowed[number - 1] for x in range(3)])
                        if example.soft is not None:
                            soft[r, column] = torch.tensor(example.soft[number - 1])
                        column += 1
                    at += len(tokens)
        return Rows(ids, places, premise_of, hypothesis_of, cls, allowed, soft)
