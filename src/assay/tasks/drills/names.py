"""The pools that names and string constants of drills are drawn from: short words, old and plain."""

import builtins
import keyword
import random


def _words(text: str) -> list[str]:
    return text.split()


VERBS = _words("""
add ask bring build buy call carry cast check choose clear collect cook count cut deal divide draw drive
earn fetch fill find fit fix fold gain gather give grade guess guide hold keep lay lead lend lift load make
mark match measure mend mix move name note offer order pack paint pass pay pick place plan press pull push
rank rate reach read repair rent rule save scale seek select sell send serve set share ship show sift size
sort split spread stack state store take tell test tie toll trace trade train trim try turn value view
wash watch weigh work write
""")

NOUNS = _words("""
acre age amount apple area bag bale bank bar barrel beam bell bill board boat bond bone book bottle box boy
branch brick bridge brush cake camp card cargo cart case cash cattle chain chair charge chart cheese child
church class clock cloth coal coast coat coin cord corn cost cotton cow crew crop cup debt deck depth desk
dish dollar door dose dress drop duty edge egg engine farm fare farmer fee feet fence field fire fish flag
fleet flock floor flour foot force fork fort frame fruit fund garden gate glass goat gold goods grade grain
grass ground guard guest hall hand harbor harvest hat height herd hill hour horse hotel house inch income
interest iron island judge jury key knife lake lamp land lane lead leaf lease length level limit line linen
load loan lock log lot machine mail map margin market mast meal measure meat member metal mile milk mill
mine minute mint mount nail nation needle nest note oak oar office oil orange order oven owner pace pack
page pan paper park part pass path peace pearl pen penny people piece pig pile pin pipe plan plant plate
point pole pond pool port post pot pound power price prize profit pupil quart rail rain rate rent rice ring
river road rock roof room root rope route row rule sack saddle sail salary salt sand scale school score sea
season seat seed servant share sheep sheet shelf ship shirt shoe shop shore silk silver size skin soil
soldier space speed spoon spring stage stair stamp star state steam steel step stick stock stone store storm
street stump sugar suit table tax tea team tent term test theater ticket tide timber time toll tool top tower
town toy track trade train tree trip truck trunk valley value vessel village visit voyage wage wagon wall
water wave wax week weight well wheat wheel width wind window wine winter wire wood wool yard year yield
""")

PLURALS = _words("""
acres ages apples bags bales bars beams bells bills boats bonds books boxes bricks cakes camps cards carts
cases chairs charts coins cords costs cows crops cups debts depths dishes doses drops eggs farms fares fees
fields fines fish flags floors gains games gates gifts goals goats goods grades grains guests hands hats heights
herds hills horses hours houses keys lakes lamps lanes leaves lengths levels limits lines loads loans logs
losses marks meals miles mines nails notes nuts offers orders pages paints parts paths pens pieces pins pipes
plans plants plates points posts pots pounds prices prizes rails ranks rates rents rings roads rocks roofs rooms
ropes routes rows sacks sails sales scores seats seeds shares sheets ships shops shots sizes sounds stamps stars
steps stocks stones stores sums tables taxes teams tents terms tickets tides tolls tools towers towns tracks trees
trips values visits votes wages walls waves weeks weights wheels widths winds wires years yields
""")

TEXTS = _words("""
address answer author city clause code color country entry form greeting heading label letter line lesson
message motto name note page phrase place poem prayer proverb remark reply report rhyme saying sentence sign
song speech spelling story street tale text title verse wish word writing
""")

TABLES = _words("""
account album atlas book catalog census chart diary index journal ledger lookup map menu pantry prices
record register roll scores sheet stock store supply table tally tariff votes wages
""")

ITEMS = _words("each entry item one part piece value x n m p q u w")
SPOTS = _words("i j k at place spot pos index")
KEYS = _words("key name label word part who")
TOTALS = _words("""
amount answer best bulk count end found gain held kept last left level made mark most new now out outcome
pile rest result run score seen  tally top total whole
""")

# Letters, separators and short words that a template may build into its text.
LETTERS = list("abcdefghiklmnoprstuw")
MARKS = list("-+:;,/=*#|.~")
TAILS = ["...", "-", ".", "!", "*", "+", "~", "?"]
LABELS = _words("""
low high small large cheap dear cold warm young old slow fast light heavy thin thick near far poor rich
weak strong short long early late calm loud empty full dark bright narrow wide soft hard dry wet odd even
""")
STARTS = _words("ab be co de di en ex in mis no out over pre re sub tri un up")

WORDS = _words("""
ant arm art ash bat bay bed bee bit bow box cab can cap car cat cod cow cub cup day den dew dog ear elm eye
fan fig fin fir fly fog fox gem hay hen hut ice ink ivy jam jar jaw kid lad law leg lid lip mat mud nut oak
oat owl pea pen pie pig pin pit ram rat ray rib rod rum rye saw sea sky sun tar tea tin toe ton tub van vat
wax web yak acorn anchor baker beacon carbon cider dinner eagle eleven ember farmer garden hammer ivory
kettle lantern level lemon market noon otter pepper radar refer ribbon rotor salt tenet timber unite valley
walnut window upper reed sees deed peep toot pop mom dad nun eve
""")

_RESERVED = set(keyword.kwlist) | set(keyword.softkwlist) | set(dir(builtins)) | {"mod"}


def usable(name: str) -> bool:
    """Return whether `name` may name a function or a variable: no keyword and no builtin."""
    return name.isidentifier() and name not in _RESERVED


POOLS: dict[str, list[str]] = {
    "number": [word for word in NOUNS if usable(word)],
    "many": [word for word in PLURALS if usable(word)],
    "text": [word for word in TEXTS if usable(word)],
    "table": [word for word in TABLES if usable(word)],
    "item": [word for word in ITEMS if usable(word)],
    "spot": [word for word in SPOTS if usable(word)],
    "key": [word for word in KEYS if usable(word)],
    "total": [word for word in TOTALS if usable(word)],
}
STRINGS: dict[str, list[str]] = {
    "letter": LETTERS,
    "mark": MARKS,
    "tail": TAILS,
    "label": LABELS,
    "start": STARTS,
}


def function_name(rng: random.Random) -> str:
    """Draw a function's name: mostly verb_noun, sometimes a single word."""
    while True:
        if rng.random() < 0.7:
            return f"{rng.choice(VERBS)}_{rng.choice(POOLS['number'])}"
        name = rng.choice(VERBS if rng.random() < 0.4 else POOLS["number"])
        if usable(name):
            return name


def fresh_name(rng: random.Random, pool: str, taken: set[str]) -> str:
    """Draw a name of `pool` that is not in `taken`, and add it there."""
    while True:
        name = rng.choice(POOLS[pool])
        if name not in taken:
            taken.add(name)
            return name
