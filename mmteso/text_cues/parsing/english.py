# Copyright (c) mmteso contributors. All rights reserved.
"""The closed word classes of English, as the parser of answers needs them.

The parser has no part-of-speech tagger: a word that is in none of these
lists is taken for part of a name. All words are in lower case.
"""
import re
from typing import FrozenSet


def _words(*texts: str) -> FrozenSet[str]:
    return frozenset(' '.join(texts).split())


ARTICLES = _words("""
    a an the some another his her its their my our your this these those""")

#: May stand before a name: how many, whose, how likely, and words that join
#: a sentence to the one before.
BEFORE = ARTICLES | _words("""
    any several many few both all each every either other others hers one two
    three four five six seven eight nine ten eleven twelve dozen dozens
    hundreds multiple various numerous different certain more most likely
    possible possibly potential potentially perhaps maybe probably presumably
    also and or then only just mainly primarily mostly especially even least
    too so therefore thus hence finally well okay ok sure yes firstly first
    second secondly lastly last sounding audible playing e.g i.e eg ie like
    such including etc""")

PREPOSITIONS = _words("""
    of in on at with without from to by near behind under over above below
    beside between among around along across through inside outside into onto
    against during before after for about per than via towards toward upon
    within next""")

#: Begin a clause.
CONJUNCTIONS = _words("""
    when while where which who whom whose that because since due if but though
    although as unless whether whereas so""")

#: Begin an item of a list that is no name but says something about the others.
ASIDE = PREPOSITIONS | CONJUNCTIONS | _words("""
    based according given considering not no however loudly softly quietly
    together nearby here there now currently""")

#: What comes after these is named too: "a man playing the guitar".
LINKS = _words('playing')

#: A name ends before these.
BEHIND = PREPOSITIONS | CONJUNCTIONS | _words("""
    nearby together loudly softly quietly itself himself herself themselves
    maybe possibly probably likely too also etc respectively only here there
    now currently like such holding wearing riding driving carrying sitting
    standing walking running lying using making producing emitting being
    having looking singing speaking talking shouting crying laughing barking
    played""") - {'next', 'so'}

#: Before a preposition they say what is done with something. Others end in
#: -ed.
PARTICIPLES = _words("""
    driven heard held hung kept made ridden seen shown used worn""")

#: Before a preposition they say where somebody is; else they may be plurals.
POSTURES = _words('drives lies looks rides runs sits stands walks')

#: "A pair of ...": the name is what follows.
MEASURES = _words("""
    group groups pair pairs set sets couple couples number lot lots flock
    flocks herd herds pack packs swarm crowd crowds bunch bunches variety row
    rows type types kind kinds sort sorts dozens hundreds some many one two
    three several both all each any most part parts collection team pile
    piece pieces sound sounds noise noises voice voices""")

#: In no name.
NEVER = _words("""
    i you he she we they it me him them us what why how is are was were be
    been am do does did has have had will would could should may might must
    shall cannot think believe seems seem appears appear includes include
    makes make produces produce emits generates contains contain features
    shows depicts describes mentions captures displays presents showcases
    portrays suggests indicates starts begins ends says gives takes holds
    wears plays sings speaks talks give tell identify write find sorry unable
    please thank thanks hello hope let unclear unknown unspecified nobody
    neither nor and or however both caption description most""")

#: Begin no name: 'object making noise' is none.
BEGIN_NO_NAME = _words(
    'object objects thing things item items entity entities')

#: Names of nothing in particular, as the last word of a phrase.
GENERIC = _words("""
    object source sound noise thing item cue step group category caption
    description image picture scene frame explanation reason reasoning note
    name audio video something anything everything element solution result
    output response conclusion entity example certainly course question
    answer one someone anyone everyone confidence probability likelihood""")

#: Names of categories, whose members may be listed behind them.
CATEGORIES = GENERIC | _words("""
    animal people person human vehicle instrument nature electronics appliance
    furniture device machine other transportation transport""")

#: What a thing is heard by, behind its name: "the dog's barking".
HEARD_BY = _words("""
    sound sounds noise noises voice voices bark barks barking cry cries
    laughter footsteps""")

#: Parts for whose sound their owner stands: "the fire truck's siren".
LOUD_PARTS = _words('siren sirens engine engines motor motors horn horns')

#: No thing is named by these together with a word of HEARD_BY.
SURROUNDING = _words('background ambient loud soft musical other surrounding')

#: Belong to what they are heard by: "female voice".
VOICED = _words('male female')

#: Say that there is nothing.
NOTHING = _words('none nothing nil null na nobody neither')

#: Say so if they stand alone.
SILENCE = _words('silence silent empty no')

#: Nouns that end in -ing. Others are taken for what somebody is doing.
ING_NOUNS = _words("""
    building ceiling clothing drawing duckling earring gosling herring king
    lightning morning evening painting pudding railing ring sling spring
    starling string swing wing""")

#: Words in -s, -men, ... that are no plurals, or have no other form.
NO_PLURALS = _words("""
    abdomen acumen alas always amen atlas bagpipes bias binoculars canvas
    chaos christmas clothes cosmos gas glasses has headphones his hymen its
    jeans lens lumen mercedes news omen pajamas pants perhaps pliers pyjamas
    ramen regimen rhinoceros scissors semen series shorts species specimen
    stamen sunglasses texas thermos tongs trousers tweezers was yes""")

#: Plurals in -us and -is; other words with these endings are singular.
PLURALS_IN_US_OR_IS = _words("""
    bayous caribous emus erhus gnus menus tutus alibis bikinis kiwis rabbis
    skis taxis""")

#: Plurals that don't end in -s.
IRREGULAR_PLURALS = _words('people geese mice lice feet teeth oxen')

#: Singulars that inflect doesn't know.
SINGULARS = dict(clippers='clipper')

# Statements -----------------------------------------------------------------

#: Finite verbs by which a sentence says what the objects are or do.
VERBS = _words("""
    is are was were can could may might would will should must has have
    include includes makes make produces produce emits emit generates generate
    seems seem appears appear comes come""")

#: Between the verb and what is said.
VERB_PARTS = _words("""
    be been being most more likely probably possibly potentially to mainly
    only also primarily""")

#: Heads of what is asked for.
TOPICS = _words("""
    object objects source sources thing things item items cue cues element
    elements entity entities instrument instruments""")

#: Heads of the answer itself.
ANSWERS = _words('answer answers')

#: The same, in headings of a few words.
OTHER_ANSWERS = _words('output result response cue cues conclusion')

#: Words about sound, by their beginnings.
SOUND = re.compile(
    r'(?:sound|audi(?:ble|o)|nois|loud|emit|bark|meow|chirp|roar|talk|speak|'
    r'shout|cries|laugh|honk|buzz|music)|'
    r'(?:hear|heard|hearing|cry|crying|sing|sings|singing|singer|play|plays|'
    r'played|playing)$')
#: Those that make objects the ones that are asked for.
TOPIC_SOUND = re.compile(r'(?:sound|audible|nois)|(?:hear|heard|hearing)$')

#: Headings of the steps and remarks around an answer.
REMARKS = _words("""
    explanation reason reasoning note notes justification rationale step
    groups together category categories objects caption description context
    observation analysis silent thought thoughts disclaimer""")

#: Make a statement mean its opposite.
NEGATIONS = _words("""
    no not cannot can't don't doesn't isn't aren't won't couldn't wouldn't
    never neither nor non silent inaudible unlikely without none unable""")

#: Introduce the conclusion of a line of thought.
CONCLUSIONS = _words("""
    so therefore thus hence finally overall conclusion consequently summary
    ultimately most these those them""")

#: Say that a statement is about yet other things.
FURTHER = _words('other others else more further additional')

#: Words of short lines after an answer: 'The end', 'Good luck'.
CLOSINGS = _words('end done stop correct good great luck nice welcome next')

#: Beginnings of a refusal.
REFUSALS = (
    'unfortunately, i', "i'm sorry", 'i am sorry', 'sorry', 'i apologize',
    'my apologies', "i can't", 'i cannot', 'i am unable', "i'm unable",
    'i am not able', "i'm not able", 'as an ai', "i'm just an ai",
    'i am just an ai', "i don't have", 'i do not have', 'as a language model',
    'as a text')
