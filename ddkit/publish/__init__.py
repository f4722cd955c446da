"""Publishing a set: tables in parquet, a card, a Croissant description, citations, upload to the Hugging Face Hub.

The functions take a set in memory, with texts that `jobs` found out about it. They open no data and measure nothing.
pyarrow and huggingface_hub are optional and imported on use.
"""

from ddkit.lazy import lazily

with lazily(__name__):
    from ddkit.publish.card import FOLDER, Origin, Source
    from ddkit.publish.citations import METHODS, bibtex, entries, papers_of
    from ddkit.publish.front_matter import front_matter
    from ddkit.publish.graph_card import graph_card
    from ddkit.publish.graph_tables import graph_tables
    from ddkit.publish.hub import Hub
    from ddkit.publish.image_card import image_card
    from ddkit.publish.image_tables import image_tables
    from ddkit.publish.licences import Licence, licence_of
    from ddkit.publish.repository import PREVIEW, Repository, refuse_other_readme, table_files

__all__ = [
    "FOLDER",
    "Origin",
    "Source",
    "METHODS",
    "bibtex",
    "entries",
    "papers_of",
    "front_matter",
    "graph_card",
    "graph_tables",
    "Hub",
    "image_card",
    "image_tables",
    "Licence",
    "licence_of",
    "PREVIEW",
    "Repository",
    "refuse_other_readme",
    "table_files",
]
