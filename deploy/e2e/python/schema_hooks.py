"""What schemathesis loads first (SCHEMATHESIS_HOOKS). Deep in a schema, hypothesis describes the functions it draws with by
parsing their source, for its notes alone; CPython 3.11 then fails with "AST constructor recursion depth mismatch", and the
run with it. Here they stay undescribed."""

from hypothesis.internal import lambda_sources

lambda_sources.lambda_description = lambda function: "lambda"
