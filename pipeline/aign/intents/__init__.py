"""What operators say: words become requests, requests words; by rules alone, with questions in place of guesses."""

from aign.intents.choosing import Choice, choose
from aign.intents.confirmation import Confirmation, confirm
from aign.intents.dialogue import Dialogue
from aign.intents.examples import examples
from aign.intents.model import assisted
from aign.intents.reader import read
from aign.intents.reading import Question, Reading, Span, answered
from aign.intents.refinement import refine
from aign.intents.replies import Reply, reply

__all__ = ["Choice", "Confirmation", "Dialogue", "Question", "Reading", "Reply", "Span", "answered", "assisted",
           "choose", "confirm", "examples", "read", "refine", "reply"]
