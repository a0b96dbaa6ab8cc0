"""The base of what people write: in the state repository, and in node.yaml."""

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    """Base of every mapping: unknown keys are errors, values cannot change later."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
