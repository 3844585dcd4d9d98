"""The engine on what others run: Apache Spark, Apache Beam, anything that hands over Arrow batches.

Nothing here is imported by `rulesengine` itself, and each module needs what it is named for.
"""
