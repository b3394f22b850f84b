"""The catalogue: names, prices and popularity of products, and changes of their prices."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from random import Random

from postgres.shop.chance import Weighted, fraction

CENT = Decimal("0.01")
LOWEST_PRICE = Decimal("0.99")

# JSON objects in the form that psycopg2 and json accept.
Attributes = dict[str, object]


@dataclass(frozen=True, slots=True)
class Category:
    """A category of the catalogue. `typical_price` is the median price in euros, `weight_grams` the range."""

    name: str
    nouns: tuple[str, ...]
    materials: tuple[str, ...]
    typical_price: float
    weight_grams: tuple[int, int]


@dataclass(frozen=True, slots=True)
class ProductDraft:
    """A product before it has a number."""

    name: str
    category: str
    price: Decimal
    attributes: Attributes


CATEGORIES = (
    Category("kitchen", ("Kettle", "Pan", "Chef's Knife", "Mug"), ("steel", "cast iron", "oak"), 32, (150, 4200)),
    Category("lighting", ("Desk Lamp", "Pendant", "Lantern"), ("brass", "glass", "linen"), 58, (300, 3800)),
    Category("textiles", ("Blanket", "Cushion", "Towel", "Apron"), ("wool", "cotton", "linen"), 27, (120, 1900)),
    Category("stationery", ("Notebook", "Fountain Pen", "Planner"), ("paper", "leather", "brass"), 14, (20, 650)),
    Category("outdoor", ("Rucksack", "Flask", "Hammock", "Headlamp"), ("canvas", "steel", "nylon"), 64, (90, 2600)),
    Category("audio", ("Headphones", "Speaker", "Turntable"), ("aluminium", "walnut", "nylon"), 119, (160, 6400)),
    Category("garden", ("Secateurs", "Planter", "Watering Can"), ("zinc", "terracotta", "ash"), 23, (180, 7200)),
    Category("furniture", ("Stool", "Side Table", "Shelf"), ("oak", "ash", "steel"), 145, (2500, 18000)),
)
_ADJECTIVES = ("Amber", "Brisk", "Calm", "Dune", "Ember", "Fjord", "Grove", "Haven", "Isar", "Juno", "Krön", "Lúa")
_COLOURS = ("black", "white", "sand", "moss", "navy", "rust", "grey")
_TAGS = ("gift", "limited", "organic", "refurbished", "repairable", "vegan")

# A truncated Pareto distribution: a few products sell up to thirty times as much as the others.
_POPULARITY_EXPONENT = -0.55
_HIGHEST_POPULARITY = 30.0


def draw_product(rng: Random) -> ProductDraft:
    """Return a new random product. Prices are log-normal around the category's typical one."""
    category = rng.choice(CATEGORIES)
    material = rng.choice(category.materials)
    name = f"{rng.choice(_ADJECTIVES)} {material.title()} {rng.choice(category.nouns)}"
    price = _shelf_price(category.typical_price * math.exp(rng.gauss(0, 0.5)))
    return ProductDraft(name, category.name, price, _attributes(rng, category, material))


def sku(product_id: int) -> str:
    """Return the stock-keeping unit of a product: `SKU-00001`, five digits at least."""
    return f"SKU-{product_id:05d}"


def changed_price(rng: Random, price: Decimal) -> Decimal:
    """Return a new price for a product: a mark-down of up to 25 % or a rise of up to 15 %, never the same price."""
    factor = 1 + (rng.uniform(-0.25, -0.03) if rng.random() < 0.55 else rng.uniform(0.02, 0.15))
    proposed = _shelf_price(float(price) * factor)
    return proposed if proposed != price else price + CENT


def line_total(quantity: int, unit_price: Decimal, discount_rate: Decimal) -> Decimal:
    """Return the price of a line, rounded half away from zero as Postgres rounds numeric.

    Arguments must not be negative.
    """
    return (quantity * unit_price * (1 - discount_rate)).quantize(CENT, ROUND_HALF_UP)


def popularity(product_id: int) -> float:
    """Return the relative chance that a shopper picks the product, 1 to 30. It never changes."""
    return min(math.pow(1 - fraction("popularity", product_id), _POPULARITY_EXPONENT), _HIGHEST_POPULARITY)


class Assortment:
    """The products on sale, drawn by popularity."""

    def __init__(self, product_ids: Iterable[int]) -> None:
        self._ids = sorted(set(product_ids))
        self._on_sale = frozenset(self._ids)
        self._by_popularity = Weighted(self._ids, map(popularity, self._ids))

    def __len__(self) -> int:
        return len(self._ids)

    def __contains__(self, product_id: int) -> bool:
        return product_id in self._on_sale

    def __iter__(self) -> Iterator[int]:
        return iter(self._ids)

    def draw(self, rng: Random) -> int:
        """Return a random product by popularity. Raises IndexError if nothing is on sale."""
        return self._by_popularity.draw(rng)

    def sample(self, rng: Random, count: int) -> list[int]:
        """Return up to `count` different products in ascending order, each as likely as the others."""
        return sorted(rng.sample(self._ids, min(count, len(self._ids))))

    def share(self, product_id: int) -> float:
        """Share of all draws that fall on a product on sale, 0 to 1."""
        return popularity(product_id) / self._by_popularity.total

    def with_product(self, product_id: int) -> "Assortment":
        """Return the assortment with one more product."""
        return Assortment((*self._ids, product_id))

    def without_product(self, product_id: int) -> "Assortment":
        """Return the assortment without a product. It need not have been on sale."""
        return Assortment(other for other in self._ids if other != product_id)


def _shelf_price(amount: float) -> Decimal:
    """Return the nearest price that ends in 9 cents."""
    tens_of_cents = max(round(amount * 10), 1)
    return max(Decimal(tens_of_cents * 10 - 1).scaleb(-2), LOWEST_PRICE)


def _attributes(rng: Random, category: Category, material: str) -> Attributes:
    attributes: Attributes = {
        "material": material,
        "colour": rng.choice(_COLOURS),
        "weight_grams": rng.randint(*category.weight_grams),
        "dimensions_mm": {axis: rng.randint(20, 900) for axis in ("width", "height", "depth")},
        "tags": sorted(rng.sample(_TAGS, rng.randint(0, 3))),
    }
    if category.name in ("audio", "lighting"):
        attributes["power_watts"] = rng.randint(1, 60) / 2
    if category.name == "textiles":
        attributes["care"] = {"wash_celsius": rng.choice((30, 40, 60)), "tumble_dry": rng.random() < 0.4}
    return attributes
