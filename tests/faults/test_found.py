"""Histories in which something was wrong once, as compact words: `tools/faults.py --replay WORD` shows one."""

from __future__ import annotations

import pytest

from histories.history import History
from histories.play import play

FOUND = {
    "a restart leaves a version that gets requests a pod": (
        "eNpFUcFuwyAM_RdLu7GJqesln7Fq2iGKKoc4FJUAApquivLvMyRbTzzbz37PZgHl3Wg0NAukHDGTfhSs0GGsiJPjaNSnv2XjKm-i"
        "dOF3FTAxS9NQapSgaRdwOBE0cIFV_AcTrB2TU6ZQSJ3Yp58ozkYVxq5WONhbeha2GIrSz-kWNedkDb4czmhsrTbwLuULrKwRKVij"
        "kGUOPCyQKn6jt7ZHdf02bvD3mqHZJONd4dW2skAs5tptO7E_B9mx3eCHtLXh8DgzlG_H6lVrilssy4Kb7fNAFncam737eLUeB7bJ"
        "Y0P0U8jQjGgTcY8PxEffrLB4opx5o060cDXWgpAFWtTw3I0yiGPNm4mvz5X5UDvuaLj0UeBMsa8tbDLmV8v_GivnT6BbfwEHjKkh"
    ),
    "an abort behind a slow router waits until it is in force": (
        "eNpdUcFu2zAM_Ree1cLrmh18K9BzDy2GHgIjYCTGUSNLgiQ7CwL_e0kp2YCdTIqP7z0-X0EHf7Aj9FfIJWGh8SK1Ro-pVvx4OFj9"
        "HuZifcVNlI_8XRWQGalVE-NHMoKiDP32Ch4nnsERVvW3mWAdGJwLxQbiLXfJNlchmqLD-_q9e2ub-kj6JNvCFnHOogtmZsc2eOg3"
        "6zqom-sPSovVdatdIYq4d_Rv0HoQ338-5iRXdLX57XFB6-q0_8FqkCg6q5Fd_WSeSFqEYwpjopxfCY2znpk5RiMYpvl_-LIPqUBf"
        "0kxMF5zboz59Wm_CWbgSLTbzEfkuKBkmSWHbola3z6-uG9S2ha6Af4aIgOoGvjwGkxsZmstOjDx29exxpCR999hJ8i2BnSGHl9uz"
        "gnNIJxfQcDBQ7U-R_R7QZeKdEKml3CxlKoXDESd2wmpleartGW0B9byReqG058nX7E8P7KLMuULuy8P6DSnP2I0="
    ),
    "a share that only one of two routers took is known": (
        "eNqdUj2P2zAM_S8CugmFD4cAbeYbOrQ3XFB0CIwDI9G2cPqCJDsNgvz3kpLdXtqtk_jxSL1H8ipU8IMZxf4qcklQcLywrcBDqhYF"
        "h8GolzAX4yvOYZ7ovUmBesRmOcKPqBmFWeyPV-HBUU5M4iZ_O07cegLngrGBMpYfaMapiP2uY-A_AeprL9nkSgVdtLB9sHnPrbea"
        "UL1xf66KMOfK7N7p5SrsgGkxqpY1oUwKThb_JJovWNrPw5xYqHjoug8t8t3DAsZWyL7bqr9hAQ0FmCx4HwoUE3zlnoJ915V4_Ycy"
        "qjmFVA4KLD6Fs39CCySFNqipcEcs7jIvuJhM_381ztA8O_40YbRGAcEfCR5RVW4r8IvJJaTLin9gOO8zMatjW7tcn66Xx7Z-Kegs"
        "EubMQRpwDLoJRtCXVzK7j7s6n3HE1PyOb6AN-lUz0zUsxTmkNxtAk2pqHFNwkZiUNCOVhIhpGyjxoVMpNEomohJUbjAQWyE_N3oO"
        "wZ8nw0v8RG7TIuRGe6D98UX3jDUOanB5rA3f9V73iH_HF0wnKpi9Dnep_vYL1dQjJA=="
    ),
    "a scale step to nothing waits for the weight to go": (
        "eNp1UsFuwjAM_RefKxTY2IHrOOywA6KadkAVMqlborVJlYSyCvXfZzeMMWk7xX5-Tt577QW0s5WpYXWBED1GqgepNVr0U8VgVRm9"
        "dado7MRrKRz5HDNomVVTKTMKsNpdwGJLsIIjjNmtaWEsmBwidYkUKL6TqY8RVnOlhPkn8jxpyDU2JM966hqjka9Q478738hiORYZ"
        "dKx445JqqXPyvdGiSTpggvsFCnWy9ZmffM3QfGreLPZoGjyIEMWQsRtXhg35bdKUkzzJFkXr2p3tmhocttSbYJx9Na0Rkaz6zoTQ"
        "O9LJWSK-mBCdH258pkuyXlLbpdiz66EKscci0j6Ww57Lh5mSnLGuyUuvZkqCTwb3pYi6whmcnf9oHJbs29lw0ppCkES8azt-PfoT"
        "8a7riH8K1pY0cMKRQyiyHZiWPz0v9IupPSNrZllc9uQPPMCD8_F-NlML6aaQIHv6mTwu79Y8sYHfi1Jqj5N9rDgQyOYqwdcLimL8"
        "AnDy7vk="
    ),
    "labels do not move a share to a version without pods": (
        "eNpdkcFOwzAMht_FErcydWO77IbgCSiIw1RNXuO2gbSpknRlmvru2ElhiFMT--_vz3-uUNm-1g3sr-CDw0DNRc4V9ujiiYt1rasX"
        "OwbdR11HvuXvnAGphtKpY31DSlTkYX-4Qo8d96CFOfu9dDCXov16TabvpJs2wH6d5zmb-EBD-tlTeIoERYVGRsC0SDe7fBaTBFiQ"
        "O-tKrBdgMcGToVsj3SGOLUYnwMDz7lLlrcczahMl-zwDdWFUXRXJJA0PbqSZ8RwNRlfIhDseM1AlXIOzjSPvnwmV0T0P5kAVax7Y"
        "7X_z8WRdWAzZT8JysvAhZZotn7zMDinbDDhzcZAibz1Ysb4yCqrLkY_5ahdXbhpy6R6DTNsfFRlcZEwzWfdpLCoOACJbNzBMjcYL"
        "jR2In1_b_gcI-6nVktyGaXSHEeeE6v68hVII-ZEC98s_bW_sFPtcm1CHZZePsRsg2-a38nq1Kcv5G_y31eI="
    ),
    "an aborted version's label moves once and stays": (
        "eNpdUstu4zAM_BeevYGdtpfcit3DnoqiQR9AYRSMzNhCZcmQZKdB4H8vKSVpmpNEajjDGegAytmtbmF1gBA9Rmr3cldo0acbN7db"
        "rZ7cGLVNuJ5Cx-dcQM-olhp5owCr9wNY7AlW0MFcnIse5prBIdKQQYHiK-m2i7CqSgFy4z9hQz4xicaZR0Si6tJclzAP-emNn3Lj"
        "Bc2YhugLFXPCHmZWPBKflO5OSn-TtbVCk4Y8DUYr5M1ueKqAgV0-uuxU7mvyk1aiKBWLDu5XU6Apiq_16FtuVal4tjihNrgRlZKX"
        "uRTiMAZSScG71lMI_9iJ0ZbuN87zstGPJCMSh5fQ3nPqxfGoatnUNSE7wGb_IbyLUmLGtiUvdbkoJfe860dDBvfHdgE75z-Nw4Yt"
        "iCfv-uFH1w3EX0E7m6U5tMg26kK2QLvrNFdFteRa9_wBmGCDzZ_pFuprTMn1RH7DkNEOOAbKmNPctEy0FwrZ89kpuM_U3qGOUJRy"
        "bTxqK7PV9exRCVOIV29bHA0zgHGBj-UF56Jc1vX8DYmdAwc="
    ),
    "a canary keeps its pods while stable is short of its share": (
        "eNpdUctuwyAQ_Jc9o8iJ2os_ooqaVjlEVrTFG4yCDQKS1or8792FpFV7AfY1OzPcQPvpZA20N0g5YiYzy1vjhLG8OHk6Wf3qL9lO"
        "pY96Q3wvCkbuMtRLjRK0hxtMOHINBljUTzDC0nFzyhRqU6K8J2uGDO26aaSTcdycbCoLaQwOH4CP6KVi6YH0WfBk6g_Ov8TmeenU"
        "XcaO4tXqMl5lCRn8cPRbqDGIpK_3Ca9oXUm0jYJIwVmN2-hNpJTeBj4H7_pCdg4yvvV94uEruguHG1bbz6ze6l3do1GwcrwQE38A"
        "ssAnZhJIVzej2BhF9qF6rIAdl5Wgmo7VBNlSPgqNoXjkYL1qxNqq49iTw1nSzYp5f_p4dh6ZJzBUiH4M-U5CgQ_Ev239VPexc5kp"
        "dt3yDSJ7t1A="
    ),
    "a version that a slow router still knows by its former role keeps its pods": (
        "eNpNkM2OhCAQhN-lz6xRk7n4GLuHPRgyYbBVsvwFGM3E8O7biNmdE11QxVdwgHR2VgsMB8QURMLlVWYprAjnRJvzrOSneyZlT5_B"
        "uNKaGeC0YJ0M-RecigsjDOMBVhg6gxUy-xMGMidzTOirKWL6RrWsCYb-ljm7uF8YNiVL4upRMuKh8f-gash0XUCvlRR0Y08-j7JW"
        "CqVLKJyxVmbX0nE21uoM6EkBYwTWcqJ7N8UajhV0n1CL150226ZlsLvwo52YiE9ZH5zx1HwWOiJlnEf6QOVsZdLbEjUsMIPC7qsi"
        "xbqetDLipG8dcP6u-9O-C5WoUdP2RW0YHhfNJfyYn1q_ubqm5zz_AsImlw4="
    ),
    "a version that was stable a pass ago keeps its pods while labels move": (
        "eNpNUMtugzAQ_JeVeqMVNMmFcz8gStRThKINXohVY1s2j0aIf-8Y2ione8ez8_BMtbONbqmcKfaBe2kf6V6z5bDeADaNrk9u6LVd"
        "eZ3EO84low6sVlR6k0jlZSbLnVBJd1qy_6GjpQI59uI3kuchSlJSAxy1s1QelqVKet_nIbR4y9fh0_LI2vDNJJ0iz18IuLZHp-JR"
        "wkm80TWfpafyfYFF2AC47ODnpU4mPrg2SIwfwspoK2dBZZU4eVpJ2UPKddmKYXG4RekjZUWFTN4l7gxtVo8rrvnbIZXhtpWwzUkn"
        "Shh1LVclhn9p6DC58GUcK6SHMJJ0HlkbNlGw47xs_Td7mPYoWmUXangwPTaMizh2CeqE7XTXIGRFgVl3-HpQxoKq6mmOxk2v436V"
        "mVhjfX94lgzS4PcV4IT-eVbLD0rzriA="
    ),
    "a Service does not move to pods that are on their way out": (
        "eNpdT0FuhDAM_IvP6Srsthe-0UMPCK284GZTIIlMgKIVf69NUVv15vGMZ8YPaGJ49w7KB4yZMZNbdW4wIK_fW0ojlJVMlN_Iu3uG"
        "srB2M_82W21EjLeeXoln3xCUBwZz-P0Sh_-2GWBKvW9QMs5ikKiRVF3HKRNrsvim2I5ahgnb9Srj5WT3NOeIFRcnKSR9dv9rSz3u"
        "MquyJXLXR2wlVpokjkOSwpknkpOYSL72MWhSpR9lKVybCgbCsNy91i-sYD-g01fmC9TK9zF2u_CHOO9wQZ_BPL_oPBPfhPmYQvfk"
        "Q0uffxS2rrcvczp-_A=="
    ),
    "an abort does not drain the version that stableService selects while stable's pods are on their way out": (
        "eNpNT8tugzAQ_JeVenMjSG_8RlT1gFC0mI1r1WBrbUgQ8r9nHZCa2854PI8NtJ9u1kCzQUyMicxabo0T8rqzFCI0rVyUfsia3wRNXWW1QcA5"
        "kmhy7pTosHd0IV6sFvLAoA6r_4fDWsGIj-8JF7TupWygrqoPyFkBU3BWo8SexTiQLiFC-"
        "zkRlzKSF_wQdzru1teBHK5XIatTpeDu-c95HMQ3sDdMMdqFXAkWPAZZkXgm-e8DyXDrp-"
        "LclplJ6nSqBTuiKROWrxe8o02g6tO5gIW4P7x8os_b7NybSCq8q7D3nKDr8hNAfHw8"
    ),
    "stable keeps its pods in the pass in which a version without pods gives its share back": (
        "eNpNUMtuxCAM_BefaZVtt5d8RvfQQ4RWFByCGh4CNlEU8e81IX2csMcznjE7SO9Go6HfIeUoMuqt1lI4EY-"
        "KwHE08t0_snEHz2Ka6C0MUGlslSW-RlVZmKAfdnDC0gwmKOy3sVA4kVPG0EgJ8wcaPWXoX94KZ6fvDeNiZFWcOapGfM74N2g9DdRGy428tbk"
        "UBPY5PrCQUcQwGynI60obAsoWNtaUsSYY2jHsfDrOhnYUAzo2YkoVpFzBq9TEqUW4K5zFdiewe-4YrD5-zV4oSkbaEL0N-"
        "czBwAeknzXeNUs6OlPK6mVRuHUy9ZDLhXpjxWGeZr8-LVfg_B-4vB6aHzkv3yCElnQ="
    ),
}


@pytest.mark.parametrize("what", FOUND)
def test_what_was_found_once_stays_mended(what: str) -> None:
    played = play(History.read(FOUND[what]))
    assert [str(violation) for violation in played.violations] == []
