"""The line that states the parts of a run's data."""


def parts_line(**parts: tuple[int, str]) -> str:
    """One line with the number of samples and the origin of each part.

    Example:
        >>> parts_line(train=(1295, ""), validation=(142, "cut from train"), test=(360, "yours"))
        'train 1,295, validation 142 (cut from train), test 360 (yours)'
    """
    texts = ((f"{name} {count:,}", origin) for name, (count, origin) in parts.items())
    return ", ".join(f"{text} ({origin})" if origin else text for text, origin in texts)
