import time
def test_x(stage, driver):
    t=time.time(); stage.reset(); print("reset", time.time()-t)
    before = stage.both_sides()
    t=time.time(); p = stage.play(["info@contoso.example","vertrieb@contoso.example"]); print("play", time.time()-t)
    print(p.output[-1500:]); print(p.totals, p.signs_in()); print(stage.writes())
    t=time.time(); stage.reset(); print("reset", time.time()-t)
    assert stage.both_sides()[1] == before[1]
    d = lambda x: x
    for k in before[0]:
        if before[0][k] != stage.both_sides()[0][k]: print("DIFF", k)
    from onboarding_stage import UNIT, COLLECTIONS
    job = {"mailboxes": ["info@contoso.example"], "unit": UNIT, "license":"EXCHANGESTANDARD","location":"DE","timeout":10,"sync":stage.sync_command(),"collection":str(COLLECTIONS/"ansible_collections/m365/hybrid"), **stage.connections()}
    for _ in range(3):
        stage.reset(); stage.forget()
        t=time.time(); r= driver.run(job); print("driver", time.time()-t, r); 
        print(len(stage.requests()), stage.writes())
        t=time.time(); r= driver.run(job); print("driver", time.time()-t, r); 
