"""Who gave each field its present value: an import, a person, a filing, the sample."""
