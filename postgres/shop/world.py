"""The places of the shop: its warehouses, and the countries of its customers."""

from dataclasses import dataclass
from datetime import date
from random import Random

from postgres.shop.chance import Weighted


@dataclass(frozen=True, slots=True)
class Site:
    """A planned warehouse of the shop. `code` is unique; `country` is ISO 3166-1 alpha-2."""

    code: str
    name: str
    city: str
    country: str
    opened_on: date


@dataclass(frozen=True, slots=True)
class Market:
    """A country of customers: its share of them, the warehouse that serves it, and the names of its people."""

    country: str
    share: float
    home: str
    given_names: tuple[str, ...]
    family_names: tuple[str, ...]


SITES = (
    Site("WH-AMS", "Amsterdam Westpoort", "Amsterdam", "NL", date(2016, 3, 1)),
    Site("WH-BER", "Berlin Großbeeren", "Berlin", "DE", date(2017, 9, 15)),
    Site("WH-CDG", "Paris Roissy", "Paris", "FR", date(2018, 5, 2)),
    Site("WH-MAD", "Madrid Coslada", "Madrid", "ES", date(2019, 2, 11)),
    Site("WH-MIL", "Milano Segrate", "Milano", "IT", date(2020, 10, 5)),
    Site("WH-WAW", "Warszawa Pruszków", "Warszawa", "PL", date(2022, 6, 20)),
)

MARKETS = (
    Market(
        "NL",
        0.18,
        "WH-AMS",
        ("Anna", "Daan", "Femke", "Joost", "Lotte", "Sem", "Tess", "Zoë"),
        ("Bakker", "de Jong", "de Vries", "Jansen", "Smit", "van den Berg", "van Dijk", "Visser"),
    ),
    Market(
        "BE",
        0.08,
        "WH-AMS",
        ("Arne", "Élise", "Jef", "Louise", "Nore", "Wout"),
        ("Claes", "Dubois", "Lambert", "Maes", "Peeters", "Wouters"),
    ),
    Market(
        "DE",
        0.22,
        "WH-BER",
        ("Ben", "Emilia", "Jörg", "Jürgen", "Käthe", "Lena", "Matthias", "Sophie"),
        ("Becker", "Fischer", "Groß", "Müller", "Schäfer", "Schmidt", "Weber", "Wolf"),
    ),
    Market(
        "DK",
        0.05,
        "WH-BER",
        ("Freja", "Ida", "Jens", "Lærke", "Mads", "Søren"),
        ("Andersen", "Christensen", "Jørgensen", "Møller", "Nielsen", "Rasmussen"),
    ),
    Market(
        "FR",
        0.17,
        "WH-CDG",
        ("Chloé", "Claire", "François", "Gaël", "Hugo", "Inès", "Jean-Luc", "Léa"),
        ("Bernard", "Dupont", "Durand", "L'Hermitte", "Lefèvre", "Martin", "Moreau", "Petit"),
    ),
    Market(
        "ES",
        0.10,
        "WH-MAD",
        ("Álvaro", "Carmen", "Íñigo", "José", "Lucía", "María", "Núria"),
        ("Fernández", "García López", "Ibáñez", "Muñoz", "Ortega", "Ruiz"),
    ),
    Market(
        "PT",
        0.04,
        "WH-MAD",
        ("Beatriz", "Inês", "João", "Mariana", "Tomás"),
        ("Carvalho", "da Silva", "Ferreira", "Gonçalves", "Simões"),
    ),
    Market(
        "IT",
        0.09,
        "WH-MIL",
        ("Alessia", "Bruno", "Chiara", "Giulia", "Marco", "Nicolò"),
        ("Bianchi", "Colombo", "D'Angelo", "Esposito", "Ricci", "Rossi"),
    ),
    Market(
        "PL",
        0.07,
        "WH-WAW",
        ("Agnieszka", "Łukasz", "Małgorzata", "Paweł", "Zofia", "Żaneta"),
        ("Dąbrowski", "Kowalczyk", "Nowak", "Wójcik", "Zieliński", "Żak"),
    ),
)

_MARKET = Weighted(MARKETS, (market.share for market in MARKETS))
_HOMES = {market.country: market.home for market in MARKETS}


def draw_market(rng: Random) -> Market:
    """Return a random market, by its share of the customers."""
    return _MARKET.draw(rng)


def draw_full_name(rng: Random, market: Market) -> str:
    """Return a random name that is usual in the market."""
    return f"{rng.choice(market.given_names)} {rng.choice(market.family_names)}"


def home_site(country: str) -> str | None:
    """Return the code of the first-choice warehouse of a country; None for a country that is no market."""
    return _HOMES.get(country)


def demand_share(code: str) -> float:
    """Return the share of all demand for which a warehouse is the first choice, 0 to 1."""
    return sum(market.share for market in MARKETS if market.home == code) / _MARKET.total
