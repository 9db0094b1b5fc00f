"""Times presidio-analyzer and better-profanity on texts from standard input, for bench_filters.

Runs in an interpreter of its own, so that neither tool is a dependency of the project. Presidio
runs its rules without a language model, the quickest way it has.
"""

import json
import sys
import time

from better_profanity import profanity
from presidio_analyzer import AnalyzerEngine
from presidio_analyzer.nlp_engine import NlpArtifacts, NlpEngine


class NoLanguageModel(NlpEngine):
    """Gives Presidio's rules the words and nothing else."""

    def load(self):
        """Load nothing."""

    def is_loaded(self):
        """Say that there is nothing to load."""
        return True

    def process_text(self, text, language):
        """Return the words without entities."""
        return NlpArtifacts([], [], [], text.lower().split(), self, language)

    def process_batch(self, texts, language, **_):
        """Return each text with its words."""
        return ((text, self.process_text(text, language)) for text in texts)

    def is_stopword(self, word, language):
        """Know no stop words."""
        return False

    def is_punct(self, word, language):
        """Know no punctuation."""
        return False

    def get_supported_entities(self):
        """Find no entities."""
        return []

    def get_supported_languages(self):
        """Speak English."""
        return ["en"]


def main():
    """Print the milliseconds of every text, by tool and size, as JSON."""
    analyzer = AnalyzerEngine(nlp_engine=NoLanguageModel(), supported_languages=["en"])
    tools = {
        "presidio rules (PII alone)": lambda text: analyzer.analyze(text, language="en"),
        "better-profanity (words alone)": profanity.contains_profanity,
    }
    spent = {name: {} for name in tools}
    for size, texts in json.load(sys.stdin).items():
        for name, judge in tools.items():
            judge(texts[0])
            spent[name][size] = []
            for text in texts[:50]:
                start = time.process_time_ns()
                judge(text)
                spent[name][size].append((time.process_time_ns() - start) / 1e6)
    json.dump(spent, sys.stdout)


if __name__ == "__main__":
    main()
