"""How a run states the parts of its data."""


def parts_line(**parts: tuple[int, str]) -> str:
    """One line that says how many samples each part has and where the part comes from.

    Example:
        >>> parts_line(train=(1295, ""), validation=(142, "cut from train"), test=(360, "yours"))
        'train 1,295, validation 142 (cut from train), test 360 (yours)'
    """
    told = ((f"{name} {count:,}", origin) for name, (count, origin) in parts.items())
    return ", ".join(f"{part} ({origin})" if origin else part for part, origin in told)
