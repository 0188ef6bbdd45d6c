"""Names that made-up people and companies are put together from."""

from __future__ import annotations

# first name, Exact's gender: M male, V female, O unknown
FIRST_NAMES = (
    ("Jürgen", "M"), ("Zoë", "V"), ("Søren", "M"), ("Françoise", "V"), ("Łukasz", "M"), ("Anna", "V"),
    ("Daan", "M"), ("Sanne", "V"), ("Björn", "M"), ("Chloé", "V"), ("Iñigo", "M"), ("Käthe", "V"),
    ("Bram", "M"), ("Femke", "V"), ("René", "M"), ("Renée", "V"), ("Jan-Willem", "M"), ("Marie-Louise", "V"),
    ("Ömer", "M"), ("Živa", "V"), ("Tom", "M"), ("Eva", "V"), ("Sam", "O"), ("Robin", "O"),
)  # fmt: skip
LAST_NAMES = (
    "Müller", "de Vries", "van den Berg", "Weiß", "Schröder", "O'Neill", "Núñez", "Lefèvre", "Jansen",
    "Bakker", "Österreicher", "Groß", "Sørensen", "Wiśniewski", "Šimek", "Dubois", "Smit", "Åkesson",
    "van 't Hof", "Meijer", "Köhler", "Moreau", "García", "Peeters", "Schmidt", "ter Haar", "Díaz", "Fischer",
)  # fmt: skip
COMPANY_WORDS = (
    "Logistics", "Bouw", "Installatietechniek", "Software", "Bäckerei", "Maschinenbau", "Consulting", "Café",
    "Transport", "Garten & Landschaft", "Zürich Trading", "Agro",
)  # fmt: skip
LEGAL_FORMS = ("B.V.", "GmbH", "N.V.", "SARL", "AG", "VOF", "& Zn.")
# city, country, language
CITIES = (
    ("Amsterdam", "NL", "NL"), ("Köln", "DE", "DE"), ("'s-Hertogenbosch", "NL", "NL"), ("Liège", "BE", "FR"),
    ("München", "DE", "DE"), ("Zürich", "CH", "DE"), ("Orléans", "FR", "FR"), ("Utrecht", "NL", "NL"),
)  # fmt: skip
JOB_TITLES = ("Engineer", "Geschäftsführer", "Inkoper", "Controller", "Directeur", "Planner", "Werkstudent", None)
