"""Certificates that stations ask for: from SignCertificate, by somebody's approval, to CertificateSigned."""
