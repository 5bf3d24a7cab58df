/* Copyright: (c) 2026, m365.hybrid contributors
 * GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the certificate functions of Windows make of files. Certificates are printed, one a line, in hexadecimal, with
 * their friendly names behind a space.
 *
 *   store.exe store FROM TO    reads a serialized store, prints it, names each certificate "Contoso", and writes it anew
 *   store.exe element FROM     reads one certificate with its properties, as it stands in a store, and prints it
 */
#include <windows.h>
#include <wincrypt.h>
#include <stdio.h>
#include <string.h>

static BYTE file[1000000];

static int failed(const char *what)
{
    fprintf(stderr, "%s: error %08lx\n", what, GetLastError());
    return 1;
}

static void print_hexadecimal(const BYTE *bytes, DWORD count)
{
    for (DWORD index = 0; index < count; index++)
        printf("%02x", bytes[index]);
}

static void print_certificate(PCCERT_CONTEXT certificate)
{
    BYTE name[512];
    DWORD size = sizeof(name);

    print_hexadecimal(certificate->pbCertEncoded, certificate->cbCertEncoded);
    if (CertGetCertificateContextProperty(certificate, CERT_FRIENDLY_NAME_PROP_ID, name, &size)) {
        printf(" ");
        print_hexadecimal(name, size);
    }
    printf("\n");
}

static int read_element(const char *from)
{
    HCERTSTORE store = CertOpenStore(CERT_STORE_PROV_MEMORY, 0, 0, CERT_STORE_CREATE_NEW_FLAG, NULL);
    PCCERT_CONTEXT certificate = NULL;
    FILE *stream = fopen(from, "rb");
    DWORD type, size = stream ? fread(file, 1, sizeof(file), stream) : 0;

    if (!CertAddSerializedElementToStore(store, file, size, CERT_STORE_ADD_ALWAYS, 0, CERT_STORE_CERTIFICATE_CONTEXT_FLAG,
                                         &type, (const void **)&certificate))
        return failed("CertAddSerializedElementToStore");
    print_certificate(certificate);
    return 0;
}

static int copy_store(const char *from, const char *to)
{
    WCHAR text[] = L"Contoso";
    CRYPT_DATA_BLOB name = {sizeof(text), (BYTE *)text};
    PCCERT_CONTEXT certificate = NULL;
    HCERTSTORE store = CertOpenStore(CERT_STORE_PROV_FILENAME_A, 0, 0, CERT_STORE_OPEN_EXISTING_FLAG, from);

    if (!store)
        return failed("CertOpenStore");
    while ((certificate = CertEnumCertificatesInStore(store, certificate))) {
        print_certificate(certificate);
        if (!CertSetCertificateContextProperty(certificate, CERT_FRIENDLY_NAME_PROP_ID, 0, &name))
            return failed("CertSetCertificateContextProperty");
    }
    if (!CertSaveStore(store, 0, CERT_STORE_SAVE_AS_STORE, CERT_STORE_SAVE_TO_FILENAME_A, (void *)to, 0))
        return failed("CertSaveStore");
    return 0;
}

int main(int count, char **arguments)
{
    if (count == 4 && !strcmp(arguments[1], "store"))
        return copy_store(arguments[2], arguments[3]);
    if (count == 3 && !strcmp(arguments[1], "element"))
        return read_element(arguments[2]);
    return failed("store FROM TO, or element FROM");
}
