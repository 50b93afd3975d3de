"""What the widgets share: elements, masks, colours, and how modules become one file."""
