from .errors import Cancelled as Cancelled
from .errors import SenError as SenError
from .evaluation.boundary_benchmark import evaluate_contours as evaluate_contours
from .evaluation.evaluate import evaluate as evaluate
from .io.hierarchy_file import Hierarchy as Hierarchy
from .io.objects import Objects as Objects
from .io.recipe_file import Recipe as Recipe
from .learn.model import Model as Model
from .learn.model import load_model as load_model
from .learn.model import models as models
from .pipeline.apply import apply as apply
from .pipeline.apply import apply_to as apply_to
from .pipeline.apply import teach as teach
from .pipeline.contours import contours as contours
from .pipeline.embed import embed as embed
from .pipeline.hierarchy import hierarchy as hierarchy
from .pipeline.objects import objects as objects
from .pipeline.objects import read_classes as read_classes
from .pipeline.pseudo_labels import pseudo_labels as pseudo_labels
from .pipeline.segment import segment as segment
from .pipeline.train import train as train

__version__: str
