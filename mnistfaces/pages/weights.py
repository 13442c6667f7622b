"""The weights of a model as pictures of a page: warm where ink speaks for a class or a unit, cool where against it."""

from collections.abc import Iterable, Sequence

from mnistfaces.inspection.weight_images import WeightImage, symmetric_limit
from mnistfaces.pages.parts import MINUS, shown, weight_picture


def weights_part(images: Sequence[WeightImage]) -> str:
    """Returns weights on one scale: of classes side by side, of hidden units a card per class."""
    limit = symmetric_limit(images)
    if all(image.unit is None for image in images):
        return _gallery(images, limit)
    of_class: dict[str, list[WeightImage]] = {}
    for image in images:
        of_class.setdefault(image.class_name, []).append(image)
    cards = (f"<div><h3>{shown(name)}</h3>{_gallery(own, limit)}</div>" for name, own in of_class.items())
    return f'<div class="cards">{"".join(cards)}</div>'


def _gallery(images: Iterable[WeightImage], limit: float) -> str:
    items = "".join(
        f"<li>{weight_picture(image.weights, limit, f'weights of {image.title}')}"
        f"<span><b>{_below(image)}</b></span></li>"
        for image in images
    )
    return f'<ul class="gallery">{items}</ul>'


def _below(image: WeightImage) -> str:
    """Returns what stands below a picture: the class, or the unit with its score."""
    return shown(image.title.splitlines()[-1].replace("-", MINUS) if image.unit is not None else image.class_name)
