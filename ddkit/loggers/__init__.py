"""Loggers: TensorBoard, Weights & Biases and MLflow show the metrics of a run while it is made.

Input: the metrics of each iteration, the final scores and the gallery. Output: what the logger's library writes or
sends. A library is imported only if the user asks for its logger. A logger never ends or changes a run: the first error
switches it off, with one warning.
"""

from ddkit.lazy import lazily

with lazily(__name__):
    from ddkit.loggers.contract import Logger
    from ddkit.loggers.log import NO_LOG, Log, NoLog, RunLog
    from ddkit.loggers.names import LOGGERS, logger_class

__all__ = ["Logger", "NO_LOG", "Log", "NoLog", "RunLog", "LOGGERS", "logger_class"]
