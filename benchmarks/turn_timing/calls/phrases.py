"""What the parties of the synthetic calls say: templates, and the words that fill them.

Written for this benchmark alone: no sentence is taken from a data set on which anything is trained.
"""

Templates = tuple[str, ...]

SLOTS: dict[str, Templates] = {
    "device": (
        "dishwasher", "thermostat", "modem", "freezer", "hearing aid", "washing machine",
        "garage door", "coffee grinder", "security camera", "electric bike", "boiler", "doorbell",
    ),
    "service": (
        "broadband", "home insurance", "mobile plan", "gas contract", "pension account",
        "travel cover", "parking permit", "gym membership", "season ticket", "water supply",
    ),
    "when": (
        "on monday", "last weekend", "two weeks ago", "in early spring", "the day before yesterday",
        "this morning", "around easter", "a few days ago", "back in august", "on sunday evening",
    ),
    "duration": (
        "ten minutes", "half an hour", "three days", "almost a month", "about a week",
        "a couple of hours", "forty five minutes", "the whole afternoon",
    ),
    "person": (
        "my brother", "my neighbour", "my eldest daughter", "my landlord", "my mother in law",
        "a colleague", "my flatmate", "my husband", "my grandson", "the lady downstairs",
    ),
    "place": (
        "the shop in leeds", "your branch on the high street", "the depot near the airport",
        "the clinic in town", "the office on station road", "the collection point", "reception",
    ),
    "document": (
        "contract", "warranty card", "last invoice", "meter reading", "delivery note",
        "cancellation form", "letter of approval", "booking confirmation",
    ),
    "amount": (
        "thirty pounds", "two hundred and ten dollars", "a little under ninety euros",
        "forty eight pounds", "more than a thousand dollars", "sixteen pounds fifty",
    ),
    "reason": (
        "nobody told me it would expire", "we are moving house next month",
        "the price went up without any notice", "it makes a terrible grinding noise",
        "i was away when the engineer came", "the old one never really worked",
        "my doctor says i should not lift anything", "the bank changed all of our details",
    ),
    "step": (
        "hold the small button at the back", "unplug it from the wall",
        "sign in with the new password", "check the lights on the front panel",
        "open the settings on your phone", "read out what it says on the label",
    ),
    "team": (
        "the billing department", "our technical people", "the claims desk",
        "a senior advisor", "the field engineers", "the complaints office",
    ),
    "feeling": (
        "frightened", "completely worn out", "rather confused", "ashamed", "quite alone",
        "guilty about it", "angry most of the time", "numb",
    ),
    "worry": (
        "he has stopped eating with us", "she will not go back to school",
        "they shout at each other every single night", "he keeps hiding letters from the bank",
        "she does not sleep for days on end", "i cannot tell anyone at home about it",
    ),
}  # fmt: skip

CUSTOMER: Templates = (
    "the {device} i picked up from {place} {when} switches itself off after {duration}",
    "i would like to cancel my {service} because {reason}",
    "somebody took {amount} out of my account {when} and i have no idea what it was for",
    "{person} is going to collect the {device} if you can have it ready at {place}",
    "i have been waiting for {duration} and the {device} still shows a red light",
    "can you send another copy of the {document} to {place}",
    "i filled in the {document} {when} but nobody has called me back since",
    "we changed our {service} {when} and now the {device} does not connect any more",
    "i need to move my appointment because {reason}",
    "the engineer told {person} that the {device} would be repaired within {duration}",
    "what happens to my {service} when i go abroad for {duration}",
    "you promised to refund {amount} and all i got was the {document}",
    "i am calling about the {device} that was delivered to {place} by mistake",
    "is there any way to keep the {service} without paying {amount} every month",
    "{person} opened the box {when} and half of the parts were missing",
    "could i speak to someone in charge of the {service} please",
    "i tried to {step} but nothing happened at all",
    "do i have to pay {amount} up front or can i do that at {place}",
    "the website says my {document} is invalid although i printed it {when}",
    "i want to add {person} to my {service} before the end of the year",
    "when i press start the {device} hums for {duration} and then it just stops",
    "i do not want a new {device} i want the one that i paid for",
    "i lost my {document} when we moved and {person} threw the copy away",
    "it is the second time this year that my {service} was cut off without a reason",
)

AGENT: Templates = (
    "i have put a note on your {service} so that {team} can see what happened {when}",
    "could you {step} and tell me what you see",
    "the {document} should reach you within {duration} after we hang up",
    "i am going to pass you to {team} because they deal with every {device}",
    "it looks like {amount} was charged {when} and i can take that off for you",
    "would you rather collect the {device} from {place} or have it delivered",
    "before i change the {service} i need to ask you two short questions",
    "our system shows that the {document} was signed {when} by {person}",
    "if you {step} it should come back within {duration}",
    "i can see why that is annoying and i will do my best to sort it out",
    "the earliest visit for your {device} would be on thursday between nine and noon",
    "do you still have the {document} that came with the {device}",
    "we can offer you {amount} as a credit towards your {service}",
    "what made you decide to leave our {service} after all this time",
    "let me read that back to you so we both have the same details",
    "unfortunately {team} will not be in before monday morning",
    "has anyone other than {person} used the {device} since it broke",
    "i have ordered a spare part and it will be waiting for you at {place}",
    "you will get a text message as soon as {team} have looked at it",
    "how would you like to pay the remaining {amount}",
)

HELPLINE_CALLER: Templates = (
    "i am ringing about {person} because {worry}",
    "it started {when} and since then i have felt {feeling}",
    "i tried to talk to {person} about it but it only made things worse",
    "sometimes i sit in the car for {duration} before i can go inside",
    "i do not know who else to ask because {worry}",
    "{person} says i should just get over it and that makes me feel {feeling}",
    "my teacher gave me this number after i told her that {worry}",
    "when they argue i put my headphones on and wait for {duration}",
    "is it normal to be {feeling} for such a long time",
    "i would like to know what happens to him if i report it",
    "she is only seven years old and she has to look after the baby every evening",
    "nobody has hurt me but i am {feeling} whenever {person} comes home",
    "we used to get along really well until {person} lost the job {when}",
    "what should i say to her when she asks me where her father is",
)

COUNSELLOR: Templates = (
    "thank you for trusting me with that because i can hear how {feeling} you are",
    "how long have you been dealing with this on your own",
    "is {person} somewhere near you at the moment",
    "you said that it began {when} so what was different before",
    "it is not your fault and there are people who can help you both",
    "would it be all right if i asked a few questions about {person}",
    "when you say that {worry} what do you do in that moment",
    "i can put you in touch with someone close to where you live",
    "do you feel safe staying there tonight",
    "we can take as much time as you need before you decide anything",
    "who would you turn to if it happened again",
    "that must be very hard to carry around every single day",
)

SHORT_REPLIES: dict[str, Templates] = {
    "customer": (
        "yes that is correct", "no not yet", "yes i do", "sure go ahead", "that would be lovely",
        "no thanks", "i think so", "not that i know of", "yes please do", "only once",
    ),
    "agent": (
        "i see", "of course", "just a second", "no problem at all", "let me check",
        "thanks for that", "all done", "good question", "right then", "i understand",
    ),
}  # fmt: skip

FILLERS: Templates = ("um", "uh", "er")
FIRST_NAMES: Templates = (
    "oliver", "martha", "gavin", "yvonne", "patrick", "naomi", "leonard", "beatrix", "simon",
    "harriet", "dennis", "isabel", "marcus", "josephine", "trevor", "audrey",
)  # fmt: skip
LAST_NAMES: Templates = (
    "fletcher", "whitfield", "barnes", "sinclair", "holloway", "pearce", "donovan", "marsh",
    "gallagher", "preston", "hobbs", "winters", "langley", "osborne", "tucker", "quinn",
)  # fmt: skip
MAIL_HOSTS: Templates = (
    "gmail dot com", "outlook dot com", "yahoo dot co dot u k", "hotmail dot com", "proton dot me",
    "icloud dot com",
)  # fmt: skip
MONTHS: Templates = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september",
    "october", "november", "december",
)  # fmt: skip
